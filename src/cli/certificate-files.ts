import { readFileSync } from 'node:fs';
import { dirname, resolve } from 'node:path';
import type { Fault } from '../core/errors.js';
import type { CliContext } from './context.js';

/** Largest file that the gateway takes, bytes. */
const largest = 262_144;
const fields = [
  ['certificateFile', 'certificate'],
  ['keyFile', 'key'],
] as const;

const isRecord = (value: unknown): value is Readonly<Record<string, unknown>> =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

/** The file in base64, or the end of a sentence about why it cannot be had. */
const contentOf = (path: string, shown: string): { readonly base64: string } | { readonly fault: string } => {
  try {
    const bytes = readFileSync(path);
    if (bytes.length > largest) return { fault: `names ${shown}, which is larger than ${largest} bytes` };
    return bytes.length === 0 ? { fault: `names ${shown}, which is empty` } : { base64: bytes.toString('base64') };
  } catch (error) {
    const code = error instanceof Error && 'code' in error ? String(error.code) : 'unknown error';
    return {
      fault:
        code === 'ENOENT' ? `names ${shown}, which does not exist` : `names ${shown}, which cannot be read (${code})`,
    };
  }
};

/**
 * Puts what is in `certificateFile` and `keyFile` of each certificate in their place: the gateway reads no files. Paths
 * are relative to the document, those of a document from standard input to the working folder.
 */
export const embedCertificateFiles = (
  context: Pick<CliContext, 'cwd'>,
  file: string,
  document: unknown,
): { readonly document: unknown; readonly faults: readonly Fault[] } => {
  if (!isRecord(document) || !Array.isArray(document.certificates)) return { document, faults: [] };
  const folder = file === '-' ? context.cwd : dirname(resolve(context.cwd, file));
  const faults: Fault[] = [];
  const embedded = (item: unknown, index: number): unknown => {
    if (!isRecord(item)) return item;
    const result: Record<string, unknown> = { ...item };
    for (const [from, to] of fields) {
      const named = item[from];
      if (typeof named !== 'string') continue;
      const path = `certificates[${index}].${from}`;
      delete result[from];
      if (item[to] !== undefined) faults.push({ path, message: `cannot stand beside ${to}` });
      const content = contentOf(resolve(folder, named), named);
      if ('fault' in content) faults.push({ path, message: content.fault });
      else result[to] = content.base64;
    }
    return result;
  };
  return { document: { ...document, certificates: document.certificates.map(embedded) }, faults };
};
