import { randomBytes } from 'node:crypto';
import { startGateway, type TestGateway, type TestGatewayOptions } from './gateway.js';

/** What every instance on one Redis must have alike. */
export const sharedEnvironment = (redisUrl: string) => ({
  REDIS_URL: redisUrl,
  ENCRYPTION_KEYS: `test:${randomBytes(32).toString('base64')}`,
  DASHBOARD_JWT_SECRET: randomBytes(32).toString('base64url'),
});

/** Gateways started side by side with the same environment. When one cannot start, none is left. */
export const startInstances = async (
  count: number,
  env: Readonly<Record<string, string>>,
  options: TestGatewayOptions = {},
): Promise<readonly TestGateway[]> => {
  const starts = await Promise.allSettled(
    Array.from({ length: count }, () => startGateway({ ...options, env: { ...env, ...options.env } })),
  );
  const failed = starts.find((start) => start.status === 'rejected');
  const gateways = starts.flatMap((start) => (start.status === 'fulfilled' ? [start.value] : []));
  if (failed === undefined) return gateways;
  await Promise.all(gateways.map((gateway) => gateway.stop()));
  throw failed.reason;
};
