import { useQuery, useQueryClient } from '@tanstack/react-query';
import { useState } from 'react';
import { ApiError, call } from '../api/client.js';
import { useRead } from '../api/hooks.js';
import { type Who, WhoProvider } from '../api/who.js';
import { Empty, Failure, Loading } from '../ui/elements.js';
import { LiveEvents } from './live.js';
import { Pages } from './pages.js';
import { Shell } from './shell.js';
import { SignIn } from './sign-in.js';

/** Which organization an operator looks at; everybody else has one. */
const SignedIn = ({ who }: { who: Who }) => {
  const [chosen, setChosen] = useState<string | null>(who.organization);
  const list = useRead('GET /v1/organizations', {}, { enabled: who.organization === null });
  const organizations = who.organization === null ? (list.data?.items.map(({ id }) => id) ?? []) : [who.organization];
  const client = useQueryClient();
  const organization = chosen ?? organizations[0] ?? null;
  const signOut = (): void => {
    void call('DELETE /console/session', {}).then(() => {
      client.clear();
      window.location.assign('/console/');
    });
  };
  if (who.organization === null && list.isPending) return <Loading />;
  return (
    <WhoProvider value={{ who, organization }}>
      <LiveEvents>
        <Shell
          who={who}
          organizations={organizations}
          organization={organization}
          onChoose={setChosen}
          onSignOut={signOut}
        >
          <Failure error={list.error} />
          {organization === null ? (
            <Empty title="There is no organization yet">
              Describe one in a document and apply it: <code>npx voice-gateway apply -f examples/org.yaml</code>. Then
              read this page again.
            </Empty>
          ) : (
            <Pages />
          )}
        </Shell>
      </LiveEvents>
    </WhoProvider>
  );
};

/** The code of a link of the gateway's first start. It leaves the address at once: it must not stay in the history. */
const codeInAddress = (): string | null => {
  const code = /^#code=([\w-]+)$/.exec(window.location.hash)?.[1] ?? null;
  if (code !== null) window.history.replaceState(null, '', window.location.pathname);
  return code;
};
const code = codeInAddress();

/** Who is signed in, after the link was used that brought somebody here. */
export const App = () => {
  const link = useQuery({
    queryKey: ['link'],
    enabled: code !== null,
    staleTime: Number.POSITIVE_INFINITY,
    retry: false,
    queryFn: () => call('POST /console/session/code', { body: { code: code ?? '' } }).then(() => true),
  });
  if (code !== null && link.isPending) return <Loading />;
  return <Entrance failure={link.error} />;
};

const Entrance = ({ failure }: { failure: Error | null }) => {
  const who = useRead('GET /console/session', {});
  if (who.data !== undefined && !(who.error instanceof ApiError && who.error.status === 401))
    return <SignedIn who={who.data} key={who.data.sub} />;
  if (who.isPending) return <Loading />;
  return <SignIn failure={failure ?? (who.error instanceof ApiError && who.error.status !== 401 ? who.error : null)} />;
};
