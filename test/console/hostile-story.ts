/** Everything that others write and the console shows, written by somebody who means harm, through the gateway itself. */
import type { Page } from 'playwright-core';
import { expect } from 'vitest';
import { createCertificateAuthority } from '../../src/core/x509.js';
import { type ConsoleRig, hostile } from '../support/console-rig.js';
import { voiceTicket, zendeskUser } from '../support/zendesk-server.js';
import { sendWebhook } from '../support/zendesk-webhook.js';

/** Waits for the text where it is to be seen, and finds none of its markup become elements. */
const shown = async (page: Page, where: string, text: string): Promise<void> => {
  await page.locator(where).filter({ hasText: text }).first().waitFor();
  expect([where, await page.locator('img[src="x"], main script').count()]).toEqual([where, 0]);
};

export const hostileStory = async (rig: ConsoleRig): Promise<void> => {
  const { gateway } = rig.rig;
  const { line, shop, zendesk } = rig;
  line.forget();
  zendesk.tickets.set('77', voiceTicket(77));
  zendesk.users.set('7101', {
    ...zendeskUser(7_101),
    ...{ name: `Name ${hostile}`, email: `"${hostile}"@example.test` },
    user_fields: { [`field ${hostile}`]: `value ${hostile}`, nested: { [`key ${hostile}`]: [`item ${hostile}`] } },
  });
  const { email, token } = zendesk.credentials;
  await gateway.apply({
    organization: { id: 'acme', zendesk: { baseUrl: zendesk.url, auth: { type: 'apiToken', email, token } } },
  });
  const { webhookUrl } = (await gateway.api('/backend/zendesk-v2/voice-prefetch-url')).body as { webhookUrl: string };
  shop.respond = (_, response) => {
    response.writeHead(500, { 'Content-Type': 'application/json', 'X-Fault': `header ${hostile}` });
    response.end(JSON.stringify({ state: hostile, message: `body ${hostile}` }));
  };

  const caller = await rig.rig.call({ display: `Caller ${hostile}` });
  const trigger = { ticket_id: 77, caller_phone: '+14155550123', subject: `Subject ${hostile}` };
  expect((await sendWebhook(webhookUrl, JSON.stringify(trigger))).body).toMatchObject({ success: true });
  const event = { type: `zen:event-type:${hostile}`, detail: { id: '77' } };
  expect((await sendWebhook(webhookUrl, JSON.stringify(event))).body.message).toContain(hostile);
  await gateway.api(`/v1/sessions/${caller.sessionId}/actions/order_status`, {
    method: 'POST',
    body: { attributes: { order_id: hostile } },
  });
  await caller.transfer({ destination: 'desk', summary: `Summary ${hostile}` });
  await line.refuse(`486 Phrase ${hostile}`);
  await caller.until('the failed transfer', ({ timeline }) => timeline.some(({ type }) => type === 'transfer.failed'));

  const { page, context } = await rig.open({ credential: await rig.token('admin', 'acme', `admin ${hostile}`) });
  await shown(page, '.side-foot', `admin ${hostile}`);
  await shown(page, 'td', `Caller ${hostile}`);
  await page
    .getByRole('row')
    .filter({ hasText: `Caller ${hostile}` })
    .getByRole('link')
    .click();
  await shown(page, 'dd', `Caller ${hostile}`);
  await shown(page, 'dd', `Subject ${hostile}`);
  await page.getByText(`Name ${hostile}`).first().waitFor({ timeout: 60_000 });
  await shown(page, 'dd', `"${hostile}"@example.test`);
  await shown(page, 'dt', `field ${hostile}`);
  await shown(page, 'dd', `value ${hostile}`);
  await shown(page, 'dd', `key ${hostile}: item ${hostile}`);
  await shown(page, 'svg.ladder text', `486 Phrase ${hostile}`);
  await shown(page, '.timeline li', `486 Phrase ${hostile}`);
  await shown(page, '.timeline li', `“Subject ${hostile}”`);
  await shown(page, '.attempt', `Desk ${hostile}`);
  await shown(page, '.attempt dd', `Summary ${hostile}`);
  await page
    .getByLabel('SIP messages')
    .getByRole('link', { name: /486 Phrase/ })
    .first()
    .click();
  await shown(page, 'pre.message', `486 Phrase ${hostile}`);
  // What is taken along is never taken for a page.
  const session = `/v1/sessions/${caller.sessionId}`;
  for (const path of [`${session}/ladder?format=text`, `${session}/ladder?format=json`, '/v1/runs?format=csv']) {
    const { status, headers } = await gateway.api(path);
    expect([path, status, headers.get('x-content-type-options')]).toEqual([path, 200, 'nosniff']);
    expect(headers.get('content-type')).toMatch(/^(?:text\/plain|application\/json|text\/csv)/);
  }
  await gateway.api(`${session}/hangup`, { method: 'POST' });
  await caller.ended;

  const menu = page.getByRole('navigation', { name: 'Pages' });
  const dialog = page.getByRole('dialog');
  await menu.getByRole('link', { name: 'Run history' }).click();
  await page.getByRole('button', { name: 'Show the run of order_status' }).first().click();
  await shown(page, 'dialog pre', JSON.stringify(`body ${hostile}`));
  await shown(page, 'dialog pre', `header ${hostile}`);
  await dialog.getByRole('button', { name: 'Close' }).click();

  await menu.getByRole('link', { name: 'Variables & secrets' }).click();
  const issued = createCertificateAuthority('Test').issue({ name: `Subject ${hostile}` });
  await page.getByRole('button', { name: 'Upload a certificate' }).click();
  await dialog.getByLabel('Name').fill('shop_client');
  await dialog.getByLabel('Certificate', { exact: true }).fill(issued.certificate);
  await dialog.getByLabel('Private key').fill(issued.privateKey);
  await dialog.getByRole('button', { name: 'Upload', exact: true }).click();
  // As OpenSSL writes names, with a backslash before each sign that means something in one.
  await shown(page, 'td', `CN=Subject ${hostile.replace(/[<>"]/g, '\\$&')}`);
  expect(await page.content()).not.toContain('PRIVATE KEY');

  await menu.getByRole('link', { name: 'Zendesk' }).click();
  await shown(page, 'td', `zen:event-type:${hostile}`);
  await menu.getByRole('link', { name: 'Agents & destinations' }).click();
  await shown(page, 'h3', `Support ${hostile}`);
  await shown(page, 'td', `Desk ${hostile}`);
  await menu.getByRole('link', { name: 'Ended calls' }).click();
  await shown(page, 'td', `Caller ${hostile}`);
  expect(await page.evaluate('window.hurt')).toBeUndefined();
  await context.close();
};
