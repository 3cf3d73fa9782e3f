import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { beforeAll, describe, expect, it } from 'vitest';
import { parse, parseAllDocuments } from 'yaml';
import { environment, httpLoopback, readConfig } from '../../src/app/config.js';
import { packageRoot } from '../../src/core/entry-path.js';
import { loadProfiles } from '../../src/telephony/sip/profiles/loader.js';
import { hasLinter, kubernetesSchemas, runLinter } from '../support/linters.js';

const root = packageRoot(import.meta.url);
const chart = join(root, 'deploy/helm');
const { kubeVersion } = parse(readFileSync(join(chart, 'Chart.yaml'), 'utf8')) as { kubeVersion: string };

type Container = {
  readonly env: readonly { readonly name: string; readonly value?: string; readonly valueFrom?: object }[];
  readonly args?: readonly string[];
  readonly volumeMounts: readonly { readonly name: string; readonly mountPath: string }[];
  readonly lifecycle?: { readonly preStop: { readonly exec: { readonly command: readonly string[] } } };
};
type Volume = {
  readonly name: string;
  readonly secret?: { readonly secretName: string };
  readonly configMap?: { readonly name: string };
  readonly persistentVolumeClaim?: { readonly claimName: string };
};
type KubernetesObject = {
  readonly kind: string;
  readonly metadata: { readonly name: string; readonly labels: Readonly<Record<string, string>> };
  readonly data?: Readonly<Record<string, string>>;
  readonly spec?: {
    readonly minAvailable?: unknown;
    readonly maxUnavailable?: unknown;
    readonly jobLabel?: string;
    readonly rules?: readonly { readonly host: string }[];
    readonly template?: {
      readonly spec: {
        readonly terminationGracePeriodSeconds: number;
        readonly containers: readonly Container[];
        readonly initContainers?: readonly Container[];
        readonly volumes: readonly Volume[];
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
    persistence: { enabled: true, storageClass: 'shared', size: '100Gi' },
  },
  equipped: {
    drachtio: { enabled: false },
    sip: { tls: { existingSecret: 'sip-tls' } },
    profiles: {
      acme: {
        country: 'US',
        inbound: { sources: ['203.0.113.0/28'], transports: ['tls'] },
        outbound: { peers: ['sip.acme.example'], digest: { username: 'us', password: `\${ACME_PASSWORD}` } },
      },
    },
    extraEnv: [
      { name: 'ACME_PASSWORD', valueFrom: { secretKeyRef: { name: 'acme', key: 'password' } } },
      { name: 'EGRESS_AUTHORITIES', value: '/etc/authorities/ca.pem' },
    ],
    extraVolumes: [
      { name: 'authorities', configMap: { name: 'authorities' } },
      { name: 'prompts', configMap: { name: 'prompts' } },
    ],
    extraVolumeMounts: [
      { name: 'authorities', mountPath: '/etc/authorities', readOnly: true },
      { name: 'prompts', mountPath: '/var/lib/voice-gateway/prompts' },
    ],
  },
  listening: {
    drachtio: { enabled: false },
    config: { sip: { listen: ['udp:192.0.2.7:5062'] } },
  },
  particular: {
    sip: { tls: { existingSecret: 'sip-tls', port: 5071 } },
    persistence: { enabled: true, existingClaim: 'of-ours' },
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
    const found = objects(shape).filter(
      (object) => object.kind === kind && !object.metadata.name.endsWith('-profiles'),
    );
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
    const more = ['Ingress', 'PersistentVolumeClaim', 'ServiceMonitor'];
    expect(kinds('published').sort()).toEqual([...always, ...more].sort());
    expect(kinds('equipped').sort()).toEqual(['ConfigMap', ...always]);
    expect(kinds('particular').sort()).toEqual(always);
    // Kubernetes takes one of the two.
    expect(one('plain', 'PodDisruptionBudget').spec).toMatchObject({ maxUnavailable: 1 });
    expect(one('particular', 'PodDisruptionBudget').spec?.minAvailable).toBe('80%');
    expect(one('particular', 'PodDisruptionBudget').spec).not.toHaveProperty('maxUnavailable');
    expect(one('published', 'Ingress').spec?.rules?.map(({ host }) => host)).toEqual(['voice.example.com']);
  });

  it('mounts what is there, and what is there is mounted', () => {
    for (const shape of names) {
      const { volumes, containers, initContainers = [] } = pod(shape);
      const mounts = [...containers, ...initContainers].flatMap(({ volumeMounts }) => volumeMounts);
      expect(new Set(volumes.map(({ name }) => name)), shape).toEqual(new Set(mounts.map(({ name }) => name)));
      const made = (kind: string) =>
        objects(shape).flatMap((object) => (object.kind === kind ? [object.metadata.name] : []));
      const own = ({ configMap }: Volume) => (configMap?.name.startsWith(shape) === true ? [configMap.name] : []);
      expect(volumes.flatMap(own).sort(), shape).toEqual(made('ConfigMap').sort());
      const claims = volumes.flatMap(({ persistentVolumeClaim }) => persistentVolumeClaim?.claimName ?? []);
      expect(claims, shape).toEqual(shape === 'particular' ? ['of-ours'] : made('PersistentVolumeClaim'));
      const recordings = mounts.filter(({ mountPath }) => mountPath === '/var/lib/voice-gateway/recordings');
      expect(recordings, shape).toHaveLength(claims.length);
    }
  });

  it('gives the sidecar a certificate for SIP over TLS', () => {
    const [drachtio] = pod('particular').initContainers ?? [];
    expect(drachtio?.args).toContain('sips:$(POD_IP):5071;transport=tls');
    const files = (drachtio?.env ?? []).filter(({ name }) => /^DRACHTIO_TLS_.*_FILE$/.test(name));
    expect(files.map(({ name }) => name.slice(13, -5))).toEqual(['CERT', 'CHAIN', 'KEY']);
    const mount = drachtio?.volumeMounts.find(({ name }) => name === 'sip-tls')?.mountPath;
    for (const { value } of files) expect(value).toMatch(new RegExp(`^${mount}/tls\\.(crt|key)$`));
  });

  it('makes profiles that the gateway reads', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'vg-helm-'));
    try {
      const map = objects('equipped').find(({ metadata }) => metadata.name === 'equipped-profiles');
      for (const [name, text] of Object.entries(map?.data ?? {})) writeFileSync(join(folder, name), text);
      const profiles = await loadProfiles({
        ...{ shipped: join(root, 'sip-profiles'), extra: folder },
        environment: { ACME_PASSWORD: 'hush' },
      });
      expect(profiles.get('acme')?.sources.map(({ text }) => text)).toEqual(['203.0.113.0/28']);
    } finally {
      rmSync(folder, { recursive: true, force: true });
    }
  });

  it('names the job of its instances as the alerts do', () => {
    const alerts = readFileSync(join(root, 'deploy/prometheus/alerts.yaml'), 'utf8');
    const jobs = [...alerts.matchAll(/\bjob="([^"]*)"/g)].map(([, job]) => job);
    const label = one('published', 'ServiceMonitor').spec?.jobLabel ?? '';
    expect(jobs).toEqual([one('published', 'Service').metadata.labels[label]]);
  });

  it('refuses values that contradict each other, with a sentence', () => {
    const listen = { sip: { listen: 'udp:$(POD_IP):5060' } };
    expect(render('wrong', listen).stderr).toContain('sip.listen is for the embedded engine');
    const alone = { persistence: { enabled: true, accessModes: ['ReadWriteOnce'] } };
    expect(render('wrong', alone).stderr).toContain('several replicas share the folder of recordings');
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
      ['PersistentVolumeClaim', 'accessModes:', 'accessMode:'],
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
      sip: { tls: { secret: 'sip-tls' } },
      profiles: { Acme: {} },
      extraEnv: [{ value: 'nameless' }],
      persistence: { accessModes: ['ReadOnlyMany'] },
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
      ...['host', 'secret', '/podAnnotations/example.com~1number', '/sip/tls', 'Acme', '/extraEnv/0'],
      '/persistence/accessModes/0',
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
    const ours = ['VOICE_GATEWAY_CONFIG', 'POD_IP', 'ACME_PASSWORD'];
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
    if (shape === 'equipped') {
      expect(config.sip.listen.map(({ transport, port }) => [transport, port])).toEqual([
        ...[
          ['udp', 5060],
          ['tcp', 5060],
          ['tls', 5061],
        ],
      ]);
      expect(config.egress?.authorities).toBe('/etc/authorities/ca.pem');
      const mounted = (gateway?.volumeMounts ?? []).map(({ mountPath }) => mountPath);
      for (const path of [config.sip.tls?.cert, config.sip.tls?.key, config.sip.profiles, config.egress?.authorities]) {
        expect(mounted.filter((folder) => `${path}/`.startsWith(`${folder}/`))).toHaveLength(1);
      }
    } else if (shape === 'listening') {
      // The environment would overrule what the configuration says.
      expect(config.sip.listen).toMatchObject([{ transport: 'udp', host: '192.0.2.7', port: 5062 }]);
    } else if (shape === 'embedded') {
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
