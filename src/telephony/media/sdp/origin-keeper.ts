/** The origin line, split behind its version. */
const origin = /^(o=\S+ \S+ )(\S+)( [^\r\n]*)$/m;

/**
 * Keeps one origin for all that a peer is told, whoever wrote it: the user, number and address of the first description,
 * and a version that goes up by one with each change and with nothing else (RFC 3264 section 8).
 */
export const originKeeper = (): ((sdp: string) => string) => {
  let last: {
    readonly sdp: string;
    readonly before: string;
    readonly version: bigint;
    readonly behind: string;
  } | null = null;
  return (sdp) => {
    const [, before = '', version = '', behind = ''] = origin.exec(sdp) ?? [];
    if (last === null) {
      if (/^\d{1,20}$/.test(version)) last = { sdp, before, version: BigInt(version), behind };
      return sdp;
    }
    const known = last;
    const write = (number: bigint): string => sdp.replace(origin, () => `${known.before}${number}${known.behind}`);
    const unchanged = write(known.version);
    if (unchanged === known.sdp) return unchanged;
    last = { ...known, version: known.version + 1n, sdp: write(known.version + 1n) };
    return last.sdp;
  };
};
