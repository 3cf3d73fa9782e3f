import { Fragment } from 'react';

/** Places behind which an address may go on in the next line. */
const joints = /(?<=[@;?&,=]|[^/:]\/|[a-z]\.(?=[a-z]))(?=[^/])/;

/** Text with an address in it, which breaks where its parts meet before it breaks anywhere. */
export const Breakable = ({ of }: { of: string }) =>
  of.split(joints).map((part, index) => (
    // biome-ignore lint/suspicious/noArrayIndexKey: parts of one text, which come and go together.
    <Fragment key={index}>
      {index > 0 && <wbr />}
      {part}
    </Fragment>
  ));

export const Address = ({ of }: { of: string }) => (
  <code className="address break">
    <Breakable of={of} />
  </code>
);
