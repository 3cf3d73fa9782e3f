import type { IpAddress, SdpAttribute, SessionDescription } from './description.js';

const connectionLine = (connection: IpAddress): string => `c=IN IP${connection.family} ${connection.address}`;
const attributeLine = ({ name, value }: SdpAttribute): string => (value === null ? `a=${name}` : `a=${name}:${value}`);

/** Writes a description in the order of RFC 8866 section 5, with CRLF after every line. */
export const formatSdp = (description: SessionDescription): string => {
  const { origin } = description;
  const lines = [
    'v=0',
    `o=${origin.username} ${origin.sessionId} ${origin.sessionVersion} IN IP${origin.family} ${origin.address}`,
    `s=${description.sessionName}`,
  ];
  if (description.connection !== null) lines.push(connectionLine(description.connection));
  lines.push(`t=${description.timing}`);
  for (const attribute of description.attributes) lines.push(attributeLine(attribute));
  for (const media of description.media) {
    lines.push(`m=${media.type} ${media.port} ${media.protocol} ${media.formats.join(' ')}`);
    if (media.connection !== null) lines.push(connectionLine(media.connection));
    for (const attribute of media.attributes) lines.push(attributeLine(attribute));
  }
  return `${lines.join('\r\n')}\r\n`;
};
