/** Time since the beginning of a call, to a hundredth of a second: `0:07.42`, `12:03.10`, `1:02:03.00`. */
export const sinceBeginning = (ms: number): string => {
  const hundredths = Math.max(0, Math.round(ms / 10));
  const two = (value: number): string => String(value).padStart(2, '0');
  const [seconds, minutes, hours] = [
    Math.floor(hundredths / 100) % 60,
    Math.floor(hundredths / 6_000) % 60,
    Math.floor(hundredths / 360_000),
  ];
  return `${hours > 0 ? `${hours}:${two(minutes)}` : minutes}:${two(seconds)}.${two(hundredths % 100)}`;
};
