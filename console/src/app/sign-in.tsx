import { useMutation, useQueryClient } from '@tanstack/react-query';
import { useState } from 'react';
import { call } from '../api/client.js';
import { Failure } from '../ui/elements.js';
import { Field, Form } from '../ui/forms.js';

/** A credential goes to the gateway once and comes back as a cookie that this page cannot read. */
export const SignIn = ({ failure }: { failure: Error | null }) => {
  const [credential, setCredential] = useState('');
  const client = useQueryClient();
  const signIn = useMutation({
    mutationFn: (bearer: string) => call('POST /console/session', {}, { bearer }),
    onSuccess: (who) => client.setQueryData(['GET /console/session', {}], who),
  });
  return (
    <main className="sign-in">
      <section className="card stack">
        <div className="brand">
          <img src="/console/icon.svg" alt="" width="28" height="28" />
          <h1>Voice gateway</h1>
        </div>
        <Failure error={failure} />
        <Form
          submit="Sign in"
          busy={signIn.isPending || credential.trim() === ''}
          error={signIn.error}
          onSubmit={() => signIn.mutate(credential.trim())}
        >
          <Field
            label="API key or token"
            type="password"
            value={credential}
            onValue={setCredential}
            hint={
              <>
                An API key, a dashboard token (<code>npx voice-gateway token --org acme --role admin</code>) or the
                admin token in <code>DATA_DIR/admin-token</code>.
              </>
            }
          />
        </Form>
        <p className="muted small">You stay signed in for twelve hours on this browser, or until you sign out.</p>
      </section>
    </main>
  );
};
