import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { beforeAll, describe, expect, it } from 'vitest';
import { parse, parseAllDocuments } from 'yaml';
import { environment, httpLoopback, readConfig } from '../../src/app/config.js';
import { packageRoot } from '../../src/core/entry-path.js';
import { hasLinter, kubernetesSchemas, runLinter } from '../support/linters.js';

const root = packageRoot(import.meta.url);
const chart = join(root, 'deploy/helm');
const { kubeVersion } = parse(readFileSync(join(chart, 'Chart.yaml'), 'utf8')) as { kubeVersion: string };

type Container = {
  readonly env: readonly { readonly name: string; readonly value?: string; readonly valueFrom?: object }[];
  readonly args?: readonly string[];
  readonly lifecycle?: { readonly preStop: { readonly exec: { readonly command: readonly string[] } } };
};
type KubernetesObject = {
  readonly kind: string;
  readonly metadata: { readonly name: string };
  readonly data?: Readonly<Record<string, string>>;
  readonly spec?: {
    readonly minAvailable?: unknown;
    readonly maxUnavailable?: unknown;
    readonly rules?: readonly { readonly host: string }[];
    readonly template?: {
      readonly spec: {
        readonly terminationGracePeriodSeconds: number;
        readonly containers: readonly Container[];
        readonly initContainers?: readonly Container[];
      };
    };
  };
};

/** Values somebody may well set, by the name of the release. */
const shapes = {
  plain: {},
  embedded: {
    drachtio: { enabled: false },
    hostNetwork: false,
    publicAddress: '203.0.113.7',
    sip: { port: 5080, domain: 'sip.example.com' },
    config: { limits: { maxCalls: 20, ringTimeout: 30 }, livekit: { callsPerChild: 10 } },
    drainTimeout: 0,
  },
  published: {
    publicUrl: 'https://voice.example.com:8443/base',
    http: { trustedProxies: ['10.244.0.0/16', '::1'], allowedHosts: ['voice.internal'] },
    ingress: {
      enabled: true,
      className: 'nginx',
      annotations: { 'cert-manager.io/cluster-issuer': 'letsencrypt' },
      tls: [{ hosts: ['voice.example.com'], secretName: 'voice-tls' }],
    },
    serviceMonitor: { enabled: true },
  },
  particular: {
    existingSecret: 'of-ours',
    imagePullSecrets: [{ name: 'registry' }],
    image: { repository: 'registry.example.com/voice', tag: '1.2.3', pullPolicy: 'Always' },
    replicas: 5,
    nodeSelector: { 'example.com/sip': 'true' },
    tolerations: [{ key: 'sip', operator: 'Exists', effect: 'NoSchedule' }],
    affinity: {
      nodeAffinity: {
        requiredDuringSchedulingIgnoredDuringExecution: {
          nodeSelectorTerms: [{ matchExpressions: [{ key: 'sip', operator: 'Exists' }] }],
        },
      },
    },
    podAnnotations: { 'example.com/owner': 'voice' },
    podDisruptionBudget: { minAvailable: '80%' },
    resources: { requests: { cpu: 2, memory: '1Gi' }, limits: { memory: '4Gi' } },
  },
} as const;
type Shape = keyof typeof shapes;
const names = Object.keys(shapes) as Shape[];

/** Said to helm, since one built from source takes itself for the companion of a Kubernetes long gone. */
const oldest = /^>=(\d+\.\d+\.\d+)-0$/.exec(kubeVersion)?.[1] ?? '';
const render = (name: string, values: object) =>
  runLinter('helm', ['template', name, chart, '--kube-version', oldest, '--values', '-'], {
    input: JSON.stringify(values),
  });

it('the templates of the Helm chart ask for values there are, which helm does not mind', () => {
  const values: unknown = parse(readFileSync(join(chart, 'values.yaml'), 'utf8'));
  const isThere = (path: readonly string[]): boolean => {
    let at = values;
    for (const name of path) at = typeof at === 'object' && at !== null ? at[name as keyof typeof at] : undefined;
    return at !== undefined;
  };
  for (const name of readdirSync(join(chart, 'templates'))) {
    const text = readFileSync(join(chart, 'templates', name), 'utf8');
    const asked = [...text.matchAll(/\.Values((?:\.\w+)+)/g)].map(([, path = '']) => path.slice(1));
    expect(
      asked.filter((path) => !isThere(path.split('.'))),
      name,
    ).toEqual([]);
  }
});

const helm = hasLinter('helm', ['version'], 'The Helm chart is not rendered');
describe.skipIf(!helm)('the Helm chart', { timeout: 60_000 }, () => {
  const texts = new Map<Shape, string>();
  const made = new Map<Shape, readonly KubernetesObject[]>();
  const objects = (shape: Shape): readonly KubernetesObject[] => made.get(shape) ?? [];
  const one = (shape: Shape, kind: string): KubernetesObject => {
    const found = objects(shape).filter((object) => object.kind === kind);
    expect(found, kind).toHaveLength(1);
    return found[0] as KubernetesObject;
  };
  const pod = (shape: Shape) => one(shape, 'Deployment').spec!.template!.spec;

  beforeAll(() => {
    for (const shape of names) {
      const { status, stdout, stderr } = render(shape, shapes[shape]);
      expect({ shape, status, stderr }).toEqual({ shape, status: 0, stderr: '' });
      texts.set(shape, stdout);
      made.set(
        shape,
        parseAllDocuments(stdout).map((document) => document.toJS() as KubernetesObject),
      );
    }
  });

  it('is clean to helm lint', () => {
    const { status, stdout, stderr } = runLinter('helm', ['lint', '--strict', '--kube-version', oldest, chart]);
    expect({ status, stderr, warned: /WARNING|ERROR/.test(stdout) }, stdout).toEqual({
      status: 0,
      stderr: '',
      warned: false,
    });
  });

  it('makes the objects each of its shapes needs', () => {
    const always = ['ConfigMap', 'Deployment', 'PodDisruptionBudget', 'Service'];
    const kinds = (shape: Shape): string[] => objects(shape).map(({ kind }) => kind);
    expect(kinds('plain').sort()).toEqual(always);
    expect(kinds('published').sort()).toEqual([...always, 'Ingress', 'ServiceMonitor'].sort());
    // Kubernetes takes one of the two.
    expect(one('plain', 'PodDisruptionBudget').spec).toMatchObject({ maxUnavailable: 1 });
    expect(one('particular', 'PodDisruptionBudget').spec?.minAvailable).toBe('80%');
    expect(one('particular', 'PodDisruptionBudget').spec).not.toHaveProperty('maxUnavailable');
    expect(one('published', 'Ingress').spec?.rules?.map(({ host }) => host)).toEqual(['voice.example.com']);
  });

  const schemas = kubernetesSchemas();
  const kubeconform = hasLinter('kubeconform', ['-v'], 'What the Helm chart makes is not held against schemas');
  it.skipIf(!kubeconform || schemas.length === 0)('makes what Kubernetes knows, and nothing it does not', () => {
    const check = (
      text: string,
      version: string,
      folder: string,
    ): { status: number | null; faults: readonly { readonly kind: string }[] } => {
      const run = runLinter(
        'kubeconform',
        [
          ...['-strict', '-output', 'json', '-kubernetes-version', version],
          ...['-schema-location', join(folder, '{{.ResourceKind}}{{.KindSuffix}}.json')],
          ...['-schema-location', join(folder, '../{{.ResourceKind}}{{.KindSuffix}}.json')],
        ],
        { input: text },
      );
      const { resources } = JSON.parse(run.stdout) as { resources: { kind: string }[] };
      return { status: run.status, faults: resources };
    };
    const all = names.map((name) => texts.get(name)).join('\n---\n');
    // The oldest that the chart takes, and the newest there is.
    const [first, newest] = [schemas[0]!, schemas.at(-1)!];
    expect(first.version).toBe(oldest);
    expect(newest).not.toBe(first);
    for (const { version, folder } of [first, newest]) {
      expect(check(all, version, folder), version).toEqual({ status: 0, faults: [] });
    }
    // Each is seen.
    const slips = [
      ['ConfigMap', '\ndata:', '\ndatum:'],
      ['Deployment', 'automountServiceAccountToken:', 'automountServiceAcountToken:'],
      ['PodDisruptionBudget', 'maxUnavailable: 1\n', 'maxUnavailable: []\n'],
      ['Service', 'targetPort: http', 'targetport: http'],
      ['Ingress', 'pathType: Prefix', 'pathTyp: Prefix'],
      ['ServiceMonitor', 'interval: 15s', 'intervall: 15s'],
    ] as const;
    const wrong = slips.reduce((text, [, before, after]) => {
      expect(text).toContain(before);
      return text.replace(before, after);
    }, texts.get('published') ?? '');
    const { status, faults } = check(wrong, newest.version, newest.folder);
    expect(status).toBe(1);
    expect(faults.map(({ kind }) => kind).sort()).toEqual(slips.map(([kind]) => kind).sort());
  });

  it('refuses values of a wrong type or an unknown name, and says where', () => {
    const { status, stderr } = render('wrong', {
      replicas: '2',
      hostNetwork: 'yes',
      drainTimeout: -1,
      publicUrl: 'voice.example.com',
      http: { trustedProxies: '10.0.0.0/8' },
      existingSecret: '',
      limits: {},
      image: { repository: 'voice', pull: 'Always' },
      drachtio: { logLevel: 'loud', resources: { request: {} } },
      rtp: { from: 80 },
      podDisruptionBudget: { minAvailable: 'some' },
      serviceMonitor: { enabled: 'true' },
      ingress: { host: 'voice.example.com', tls: [{ secret: 'voice-tls' }] },
      podAnnotations: { 'example.com/number': 1 },
    });
    expect(status).not.toBe(0);
    for (const place of [
      ...[
        '/replicas',
        '/hostNetwork',
        '/drainTimeout',
        '/publicUrl',
        '/http/trustedProxies',
        '/existingSecret',
        'limits',
        'pull',
      ],
      ...['/drachtio/logLevel', 'request', '/rtp/from', '/podDisruptionBudget/minAvailable', '/serviceMonitor/enabled'],
      ...['host', 'secret', '/podAnnotations/example.com~1number'],
    ]) {
      expect(stderr).toContain(place);
    }
  });

  const secret = {
    REDIS_URL: 'redis://redis:6379',
    ENCRYPTION_KEYS: `k1:${Buffer.alloc(32).toString('base64')}`,
    DASHBOARD_JWT_SECRET: 'a secret of the dashboard, long enough for HS256',
  };
  it.each(names)('gives the gateway a configuration that it takes: %s', (shape) => {
    const [gateway] = pod(shape).containers;
    const given = Object.fromEntries((gateway?.env ?? []).map(({ name, value }) => [name, value ?? '10.0.0.7']));
    const filled = Object.fromEntries(
      Object.entries(given).map(([name, value]) => [name, value.replaceAll('$(POD_IP)', given.POD_IP ?? '')]),
    );
    const ours = ['VOICE_GATEWAY_CONFIG', 'POD_IP'];
    expect(Object.keys(given).filter((name) => !(name in environment) && !ours.includes(name))).toEqual([]);
    const file: unknown = parse(one(shape, 'ConfigMap').data?.['gateway.yaml'] ?? '');
    const livekit = { LIVEKIT_URL: 'ws://livekit', LIVEKIT_API_KEY: 'key', LIVEKIT_API_SECRET: 'secret' };
    const config = readConfig({ env: { ...secret, ...livekit, ...filled }, file, cwd: '/app' });
    expect(config.limits.maxCalls).toBe(shape === 'embedded' ? 20 : 500);
    const { metadata } = one(shape, 'Service');
    const names = ['', '.default', '.default.svc', '.default.svc.cluster.local'].map((rest) => metadata.name + rest);
    expect(config.http.allowedHosts).toEqual([...names, ...(shape === 'published' ? ['voice.internal'] : [])]);
    const proxies = config.http.trustedProxies?.map(({ text }) => text);
    expect(proxies).toEqual(shape === 'published' ? ['10.244.0.0/16', '::1'] : undefined);
    expect(httpLoopback(config)).toBe(false);
    if (shape === 'embedded') {
      expect(config.sip.listen).toMatchObject([{ host: '10.0.0.7', port: 5080 }, { transport: 'tcp' }]);
      expect(config.sip.publicAddress).toBe('203.0.113.7');
    } else {
      expect(config.drachtio).toMatchObject({ host: [{ host: '127.0.0.1' }] });
      const { args = [], env = [] } = pod(shape).initContainers?.[0] ?? {};
      expect(args).toContain(String(config.drachtio?.port));
      expect(env.map(({ name }) => name)).toContain('DRACHTIO_SECRET');
      expect(args.join(' ')).not.toContain('SECRET');
    }
    // What ends a pod waits longer than the gateway does, its hook and the closing of what is left included.
    const [, hook] = /(\d+)\)$/.exec(gateway?.lifecycle?.preStop.exec.command.at(-1) ?? '') ?? [];
    const grace = pod(shape).terminationGracePeriodSeconds;
    expect(grace - config.limits.drainTimeout).toBeGreaterThan(Number(hook) / 1_000 + 10);
  });
});
