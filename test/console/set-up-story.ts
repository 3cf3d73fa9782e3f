/** The whole of a set-up by hand: nothing is done by the API but what Zendesk and the line would do. */
import { expect } from 'vitest';
import { type ConsoleRig, hostile } from '../support/console-rig.js';
import { rtpPeer } from '../support/rtp-peer.js';
import { voiceTicket, zendeskUser } from '../support/zendesk-server.js';
import { renderTrigger, sendWebhook } from '../support/zendesk-webhook.js';

const script = {
  type: 'builtin',
  script: {
    steps: [
      { ask: { play: 'agent.wav', digits: 1, timeout: 60, choices: { 1: [{ transfer: { destination: 'desk' } }] } } },
      { hangup: {} },
    ],
  },
};

export const setUpStory = async (rig: ConsoleRig): Promise<void> => {
  const { gateway } = rig.rig;
  const { line, zendesk } = rig;
  line.forget();
  zendesk.tickets.set('35436', voiceTicket(35_436));
  zendesk.users.set('7101', { ...zendeskUser(7_101), name: `Ada ${hostile}` });
  await gateway.apply({ organization: { id: 'globex', name: 'Globex', defaultCountry: 'US' } });
  const { page, context } = await rig.open({ credential: await rig.token('admin', 'globex') });
  const menu = page.getByRole('navigation', { name: 'Pages' });
  const dialog = page.getByRole('dialog');
  await page.getByRole('heading', { name: 'No call is live' }).waitFor();

  // Connect Zendesk.
  await menu.getByRole('link', { name: 'Zendesk' }).click();
  await page.getByRole('button', { name: 'Connect Zendesk' }).click();
  await dialog.getByLabel('Credentials').selectOption('apiToken');
  await dialog.getByLabel('E-mail of the user').fill(zendesk.credentials.email);
  await dialog.getByLabel('API token').fill(zendesk.credentials.token);
  await dialog.getByLabel('Another address').fill(zendesk.url);
  await dialog.getByRole('button', { name: 'Connect', exact: true }).click();
  await page.getByText('accepted', { exact: true }).waitFor();
  const webhook = (await page.locator('.copy pre').first().textContent()) ?? '';
  expect(webhook).toContain('/backend/zendesk-v2/voice-prefetch/');
  expect(await page.content()).not.toContain(zendesk.credentials.token);

  // Add a destination and an agent that hands over to it.
  await menu.getByRole('link', { name: 'Agents & destinations' }).click();
  await page.getByRole('button', { name: 'Add a destination' }).click();
  await dialog.getByLabel('Id').fill('desk');
  await dialog.getByLabel('Name').fill('Zendesk line');
  await dialog.getByLabel('SIP address').fill(`sip:desk@127.0.0.1:${line.port};transport=udp`);
  await dialog.getByLabel('SIP profile').selectOption('zendesk-sip-in');
  await dialog.getByRole('button', { name: 'Save' }).click();
  await page.getByRole('cell', { name: 'Zendesk line', exact: true }).waitFor();
  await page.getByRole('button', { name: 'Add an agent' }).click();
  await dialog.getByLabel('Id').fill('support');
  await dialog.getByLabel('Name').fill('Support');
  await dialog.getByLabel('Who talks').fill(JSON.stringify(script));
  await dialog.getByLabel('Zendesk line').check();
  await dialog.getByLabel('Record its calls').check();
  await dialog.getByRole('button', { name: 'Save' }).click();
  await page.getByRole('heading', { name: 'Support', exact: true }).waitFor();

  // Assign a number.
  await menu.getByRole('link', { name: 'Numbers' }).click();
  await page.getByRole('button', { name: 'Add a number' }).click();
  await dialog.getByLabel('Number', { exact: true }).fill('+14155550188');
  await dialog.getByLabel('SIP profile').selectOption('local');
  await dialog.getByLabel(/verified/).check();
  await dialog.getByRole('button', { name: 'Save' }).click();
  await page.getByRole('cell', { name: '+14155550188', exact: true }).waitFor();

  // Place a test call.
  await page.getByRole('button', { name: 'Test call to +14155550188' }).click();
  await dialog.getByLabel('Caller’s name').fill('Ada');
  await dialog.getByRole('button', { name: 'Call', exact: true }).click();
  await page.getByRole('heading', { name: 'Call of +14155550123' }).waitFor();
  await page.getByText('With the agent').first().waitFor();
  const answer = await sendWebhook(webhook, renderTrigger({ id: 35_436, caller: '+14155550123' }));
  expect(answer.body).toMatchObject({ success: true, ticketId: '35436' });
  await page.getByText('#35436').first().waitFor();
  // Zendesk is asked in the background, and again later when it does not answer at once.
  await page.getByText('The contact got what Zendesk knows.').waitFor({ timeout: 60_000 });
  await page.getByText(`Ada ${hostile}`).first().waitFor();

  // Watch it transfer.
  await page.getByRole('button', { name: 'Press 1' }).click();
  await page.getByText('Transferring').first().waitFor();
  const human = await rtpPeer({ codec: 'PCMU' });
  try {
    human.accept((await line.until('INVITE')).text.split(/\r?\n\r?\n/, 2)[1] ?? '');
    await line.answer(human.sdp());
    await page.getByText('With a human').first().waitFor();

    // Read the ladder.
    const ladder = page.getByLabel('SIP messages');
    await ladder.getByRole('link', { name: new RegExp(`INVITE SDP, from gateway to 127.0.0.1:${line.port}`) }).click();
    const message = (await page.locator('pre.message').textContent()) ?? '';
    expect(message).toMatch(/^X-Zendesk-Ticket-Id: 35436\r?$/im);
    expect(message).toMatch(/^From: .*\+14155550123/im);
    await page.getByRole('img', { name: /^Quality over time/ }).waitFor();

    await page.getByRole('button', { name: 'Caller hangs up' }).click();
    await page.getByText('Caller hung up').first().waitFor();
  } finally {
    await human.close();
  }

  // What is left of it: its recording can be heard, its messages taken along.
  const length: number = await page.evaluate(`new Promise((resolve, reject) => {
    const audio = document.querySelector('audio');
    audio.onloadedmetadata = () => resolve(audio.duration);
    audio.onerror = () => reject(new Error('the recording cannot be played'));
    audio.preload = 'metadata';
    audio.load();
  })`);
  expect(length).toBeGreaterThan(0.5);
  const [download] = await Promise.all([
    page.waitForEvent('download'),
    page.getByRole('link', { name: 'Capture for Wireshark' }).click(),
  ]);
  const chunks: Buffer[] = [];
  for await (const chunk of await download.createReadStream()) chunks.push(Buffer.from(chunk as Uint8Array));
  const capture = Buffer.concat(chunks);
  expect(capture.readUInt32LE(0)).toBe(0xa1b2c3d4);
  expect(capture.includes('X-Zendesk-Ticket-Id: 35436')).toBe(true);
  await context.close();
};
