/** What the rest of the code knows of a log. Messages are static sentences; values go into fields. */
export type LogFields = Readonly<Record<string, unknown>>;

export type Logger = {
  trace(fields: LogFields, message: string): void;
  debug(fields: LogFields, message: string): void;
  info(fields: LogFields, message: string): void;
  warn(fields: LogFields, message: string): void;
  error(fields: LogFields, message: string): void;
  /** A logger whose lines all carry these fields (session id, call id, organization). */
  child(fields: LogFields): Logger;
};

const nothing = (): void => {};

/** A logger that writes nothing: for tests and for code that was given none. */
export const silentLogger: Logger = {
  trace: nothing,
  debug: nothing,
  info: nothing,
  warn: nothing,
  error: nothing,
  child: () => silentLogger,
};
