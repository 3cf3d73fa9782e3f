/** An organization document for tests: one number, one agent that runs `steps`. */
export const organization = (
  steps: readonly unknown[],
  overrides: Readonly<Record<string, unknown>> = {},
): Readonly<Record<string, unknown>> => ({
  organization: { id: 'acme', name: 'Acme', defaultCountry: 'US' },
  numbers: [{ number: '+14155550100', agent: 'support', profile: 'local', verified: true }],
  agents: [{ id: 'support', name: 'Support', leg: { type: 'builtin', script: { steps } } }],
  ...overrides,
});
