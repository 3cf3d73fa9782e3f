// Which pages there are pictures of, and what is done on each before its picture is taken.

const heading =
  (name, block = 'start') =>
  async (page) => {
    await page
      .getByRole('heading', { name, exact: true })
      .evaluate((element, where) => (element.closest('section') ?? element).scrollIntoView({ block: where }), block);
  };
/** Presses a button of the page, of which there may be one in each row. */
const press = (name) => async (page) => {
  await page.getByRole('button', { name }).first().click();
  await page.getByRole('dialog').waitFor();
};
const toTheEnd = async (page) => {
  await page.evaluate('window.scrollTo(0, document.documentElement.scrollHeight)');
};

/** `as`: who looks; null before anybody has signed in. */
export const shots = (ids) => [
  { name: 'sign-in', as: null, path: '/' },
  { name: 'live', path: '/' },
  { name: 'transfer', path: '/', act: press(/^Transfer /) },
  {
    name: 'menu',
    path: '/',
    act: async (page, { phone }) => {
      if (phone) await page.getByRole('button', { name: 'Menu' }).click();
      else await page.keyboard.press('Tab');
    },
  },
  { name: 'call', path: `/sessions/${ids.withHuman}` },
  {
    name: 'call-ladder',
    path: `/sessions/${ids.withHuman}`,
    act: async (page) => {
      await page.getByRole('link', { name: /486 Busy Here/ }).click();
      await heading('SIP ladder')(page);
    },
  },
  { name: 'call-timeline', path: `/sessions/${ids.withHuman}`, act: heading('Timeline') },
  { name: 'call-transfers', path: `/sessions/${ids.withHuman}`, act: heading('Transfers') },
  { name: 'call-ended', path: `/sessions/${ids.recorded}` },
  { name: 'call-recording', path: `/sessions/${ids.recorded}`, act: heading('Recording') },
  { name: 'ended-calls', path: '/calls' },
  { name: 'agents', path: '/agents' },
  { name: 'agent', path: '/agents', act: press('Edit support') },
  { name: 'destination', path: '/agents', act: press('Edit On call') },
  { name: 'numbers', path: '/numbers' },
  {
    name: 'numbers-search',
    path: '/numbers',
    act: async (page) => {
      await page.getByRole('button', { name: 'Search and buy' }).click();
      await page.getByRole('dialog').getByRole('button', { name: 'Search' }).click();
      await page.getByText('+14155550143', { exact: true }).first().waitFor();
    },
  },
  {
    name: 'test-call',
    path: '/',
    act: async (page) => {
      await press('Place a test call')(page);
      await page.getByRole('dialog').getByText('Number to call').waitFor();
    },
  },
  {
    name: 'test-call-running',
    path: '/numbers',
    act: async (page) => {
      await press('Test call to +14155550142')(page);
      const dialog = page.getByRole('dialog');
      await dialog.getByLabel('Caller’s number').fill('+14155550136');
      await dialog.getByLabel('Caller’s name').fill('Ida Rhodes');
      await dialog.getByLabel('Hang up after, seconds').fill('15');
      await dialog.getByRole('button', { name: 'Call', exact: true }).click();
      await page.getByText('With the agent').first().waitFor();
      await page.getByText('200 OK (INVITE) SDP').or(page.getByText('200 OK SDP')).first().waitFor();
    },
  },
  { name: 'actions', path: '/actions' },
  {
    name: 'action',
    path: '/actions/order_status',
    act: async (page) => {
      await page.getByLabel('order_id').fill('4711');
      await page.getByRole('button', { name: 'Run', exact: true }).click();
      await page.getByText('status 200').waitFor();
      await page.evaluate('window.scrollTo(0, 0)');
    },
  },
  { name: 'action-auth', path: '/actions/refund', act: (page) => page.getByRole('tab', { name: 'Auth' }).click() },
  { name: 'run-history', path: '/runs' },
  { name: 'run', path: '/runs', act: press(/^Show the run of refund/) },
  { name: 'vault', path: '/vault' },
  { name: 'vault-certificate', path: '/vault', act: heading('Client certificates', 'end') },
  { name: 'zendesk', path: '/zendesk' },
  { name: 'zendesk-connect', path: '/zendesk', act: press('Change the connection') },
  { name: 'zendesk-deliveries', path: '/zendesk', act: toTheEnd },
  { name: 'webhooks', path: '/webhooks' },
  { name: 'system', path: '/system' },
  { name: 'system-rejected', path: '/system', act: heading('Rejected calls') },
  { name: 'system-metrics', path: '/system', act: toTheEnd },
  { name: 'no-such-call', path: '/sessions/00000000-0000-4000-8000-00000000dead' },
  { name: 'first-live', as: 'newcomer', path: '/' },
  { name: 'first-agents', as: 'newcomer', path: '/agents' },
  { name: 'first-zendesk', as: 'newcomer', path: '/zendesk' },
];
