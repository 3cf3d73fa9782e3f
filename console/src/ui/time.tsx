import { useEffect, useState } from 'react';

/** Seconds as `1:05` or `1:02:03`. */
export const duration = (seconds: number): string => {
  const whole = Math.max(0, Math.floor(seconds));
  const two = (value: number): string => String(value).padStart(2, '0');
  const [hours, minutes] = [Math.floor(whole / 3_600), Math.floor(whole / 60) % 60];
  return hours > 0 ? `${hours}:${two(minutes)}:${two(whole % 60)}` : `${minutes}:${two(whole % 60)}`;
};

const day = new Intl.DateTimeFormat(undefined, { dateStyle: 'medium', timeStyle: 'medium' });
const clock = new Intl.DateTimeFormat(undefined, {
  hour: '2-digit',
  minute: '2-digit',
  second: '2-digit',
  hour12: false,
});

export const dayAndTime = (iso: string): string => day.format(new Date(iso));
export const timeOfDay = (iso: string | number): string =>
  `${clock.format(new Date(iso))}.${String(new Date(iso).getMilliseconds()).padStart(3, '0')}`;

const listeners = new Set<() => void>();
let timer: ReturnType<typeof setInterval> | null = null;

/** The time, told once a second to all who show it. */
const useNow = (): number => {
  const [now, setNow] = useState(Date.now());
  useEffect(() => {
    const tick = (): void => setNow(Date.now());
    listeners.add(tick);
    timer ??= setInterval(() => {
      for (const listener of listeners) listener();
    }, 1_000);
    return () => {
      listeners.delete(tick);
      if (listeners.size > 0 || timer === null) return;
      clearInterval(timer);
      timer = null;
    };
  }, []);
  return now;
};

/** How long something has lasted, running while it has not ended. */
export const Since = ({ from, to }: { from: string; to: string | null }) =>
  to === null ? (
    <Running from={from} />
  ) : (
    <span className="number">{duration((Date.parse(to) - Date.parse(from)) / 1_000)}</span>
  );

const Running = ({ from }: { from: string }) => {
  const now = useNow();
  return <span className="number">{duration((now - Date.parse(from)) / 1_000)}</span>;
};
