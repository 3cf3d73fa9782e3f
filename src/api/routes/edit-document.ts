import { GatewayError } from '../../core/errors.js';
import type { ApplyResult, DirectoryEdit } from '../../domain/directory/index.js';
import type { Principal } from '../../platform/access/index.js';
import type { ApiDeps } from '../deps.js';

/** What an edit changes: parts of an organization's document. */
type Parts = Readonly<Record<string, unknown>>;

/**
 * Edits single records of an organization by the rules of its document. Faults name their path within the record: what
 * the document has in front of it (`prefix`) is left out.
 */
export const editDocument = async (
  deps: Pick<ApiDeps, 'directory' | 'loopbackOnly'>,
  principal: Principal,
  orgId: string,
  { parts = {}, edit = {}, prefix }: { readonly parts?: Parts; readonly edit?: DirectoryEdit; readonly prefix: string },
): Promise<ApplyResult> => {
  try {
    return await deps.directory.apply({
      orgId,
      document: { organization: { id: orgId }, ...parts },
      prune: false,
      dryRun: false,
      policy: { operator: principal.role === 'operator', loopbackOnly: deps.loopbackOnly },
      edit,
    });
  } catch (error) {
    if (!(error instanceof GatewayError) || error.code !== 'bad_request') throw error;
    const details = error.details.map(({ path, message }) => ({
      path: path.startsWith(prefix) ? path.slice(prefix.length).replace(/^\./, '') : path,
      message,
    }));
    const list = details.map(({ path, message }) => (path === '' ? `it ${message}` : `${path}: ${message}`));
    throw new GatewayError('bad_request', `This cannot be saved: ${list.slice(0, 3).join('; ')}.`, { details });
  }
};

/** Warnings of an edit, as sentences. */
export const warningsOf = (result: ApplyResult): readonly string[] => result.warnings.map((warning) => warning.message);
