import { css } from '@emotion/css';
import { DataSourcePluginOptionsEditorProps, GrafanaTheme2 } from '@grafana/data';
import {
  Alert,
  Button,
  Collapse,
  Field,
  Input,
  SecretInput,
  SecretTextArea,
  Stack,
  Switch,
  Text,
  useStyles2,
} from '@grafana/ui';
import React, { PropsWithChildren, ReactNode, useId, useState } from 'react';
import { DEFAULT_OPTIONS, KmsOptions, KmsSecureOptions } from '../types';
import { Copyable } from './Copyable';
import {
  Bounds,
  EXAMPLE_URL,
  hasTls,
  isPlain,
  judgeCertificate,
  Judgement,
  judgeNumber,
  judgeToken,
  judgeUrl,
} from './judge';
import { provisioningYaml } from './provisioning';
import { ServerStatus } from './ServerStatus';

type Props = DataSourcePluginOptionsEditorProps<KmsOptions, KmsSecureOptions>;
type Secret = keyof KmsSecureOptions;

/** The settings, and how to change them. */
interface Settings {
  options: Props['options'];
  set(part: Partial<Props['options']>): void;
  setOption(part: Partial<KmsOptions>): void;
  setSecret(name: Secret, value: string): void;
  resetSecret(name: Secret): void;
}

const WIDTH = 50;
const TOKEN_COMMAND = 'kmstrail token create grafana --role read';

/** Settings of the datasource: where the server is, who asks, and limits. */
export function ConfigEditor(props: Props) {
  const settings = useSettings(props);
  const { options } = props;
  return (
    <Stack direction="column" gap={3}>
      <Section title="Server">
        <AddressField {...settings} />
        <TokenField {...settings} />
      </Section>
      {hasTls(options.url) && (
        <Section title="TLS" description="With a certificate of a public authority nothing has to be set here.">
          <TlsFields {...settings} />
        </Section>
      )}
      {options.url !== '' && (options.readOnly || (options.version ?? 0) > 1) && (
        <Section title="Status" description="What the server answers with the settings as saved.">
          <ServerStatus uid={options.uid} version={options.version} />
        </Section>
      )}
      <div>
        <Fold title="Limits">
          <Stack direction="column" gap={2}>
            <LimitFields {...settings} />
          </Stack>
        </Fold>
        <Fold title="Provisioning file">
          <Provisioning {...settings} />
        </Fold>
      </div>
    </Stack>
  );
}

function useSettings({ options, onOptionsChange }: Props): Settings {
  const set: Settings['set'] = (part) => onOptionsChange({ ...options, ...part });
  return {
    options,
    set,
    setOption: (part) => set({ jsonData: { ...options.jsonData, ...part } }),
    setSecret: (name, value) => set({ secureJsonData: { ...options.secureJsonData, [name]: value } }),
    resetSecret: (name) =>
      set({
        secureJsonFields: { ...options.secureJsonFields, [name]: false },
        secureJsonData: { ...options.secureJsonData, [name]: '' },
      }),
  };
}

function AddressField({ options, set, setOption }: Settings) {
  const id = useId();
  const { url, jsonData, readOnly } = options;
  const [left, setLeft] = useState(url !== '');
  const judged = judgeUrl(url, jsonData.plainText);
  // Half an address is no mistake; what cannot become one is, at once.
  const shown = judged && (left || (url !== '' && judged.suggestion !== undefined));
  return (
    <>
      <Field
        noMargin
        label="Address"
        htmlFor={id}
        required
        description="Where kmstrail serve answers Flight SQL: server.flight in its configuration."
        invalid={Boolean(shown)}
        error={shown && <Advice {...judged} />}
      >
        <Input
          id={id}
          width={WIDTH}
          value={url}
          placeholder={EXAMPLE_URL}
          spellCheck={false}
          autoComplete="off"
          disabled={readOnly}
          onChange={({ currentTarget }) => set({ url: currentTarget.value })}
          onBlur={() => setLeft(true)}
        />
      </Field>
      {shown && judged.suggestion && !readOnly && (
        <div>
          <Button size="sm" variant="secondary" icon="arrow-up" onClick={() => set({ url: judged.suggestion })}>
            Use {judged.suggestion}
          </Button>
        </div>
      )}
      {(isPlain(url) || jsonData.plainText) && (
        <SwitchField
          label="Send the token without encryption"
          description="Only where something else encrypts the way, such as a VPN or a service mesh."
          value={jsonData.plainText}
          disabled={readOnly}
          onChange={(plainText) => setOption({ plainText })}
        />
      )}
    </>
  );
}

function TokenField({ options, setSecret, resetSecret }: Settings) {
  const id = useId();
  const token = options.secureJsonData?.token ?? '';
  const judged = judgeToken(token);
  const configured = Boolean(options.secureJsonFields?.token);
  return (
    <>
      <Field
        noMargin
        label="Token"
        htmlFor={id}
        description="Kept encrypted by Grafana; no browser gets to see it again."
        invalid={Boolean(judged)}
        error={judged && <Advice {...judged} />}
      >
        {options.readOnly ? (
          <Input id={id} width={WIDTH} disabled value={configured ? 'configured' : ''} />
        ) : (
          <SecretInput
            id={id}
            width={WIDTH}
            value={token}
            isConfigured={configured}
            placeholder="kmst_…"
            autoComplete="off"
            onChange={({ currentTarget }) => setSecret('token', currentTarget.value.trim())}
            onReset={() => resetSecret('token')}
          />
        )}
      </Field>
      {!configured && !options.readOnly && (
        <Stack direction="column" gap={0.5}>
          <Text variant="bodySmall" color="secondary">
            Make one where the server runs, as its user. It ends after 90 days unless you add --expires 365d.
          </Text>
          <Copyable label="the command that makes a token" text={TOKEN_COMMAND} />
        </Stack>
      )}
    </>
  );
}

function TlsFields(settings: Settings) {
  const { options, setOption } = settings;
  const { jsonData, readOnly } = options;
  const id = useId();
  return (
    <>
      <SwitchField
        label="Certificate authority of your own"
        description="When the server's certificate is self-signed, or signed by an authority that Grafana's system does not know."
        value={jsonData.tlsAuthWithCACert}
        disabled={readOnly}
        onChange={(tlsAuthWithCACert) => setOption({ tlsAuthWithCACert })}
      />
      {jsonData.tlsAuthWithCACert && <CertificateField {...settings} />}
      <Field
        noMargin
        label="Name in the certificate"
        htmlFor={id}
        description="When it is not the host of the address."
      >
        <Input
          id={id}
          width={WIDTH}
          value={jsonData.serverName ?? ''}
          placeholder="kmstrail.example.com"
          spellCheck={false}
          disabled={readOnly}
          onChange={({ currentTarget }) => setOption({ serverName: currentTarget.value || undefined })}
        />
      </Field>
      <SwitchField
        label="Do not verify the certificate"
        description="For a short trial only."
        value={jsonData.tlsSkipVerify}
        disabled={readOnly}
        onChange={(tlsSkipVerify) => setOption({ tlsSkipVerify })}
      />
      {jsonData.tlsSkipVerify && (
        <Alert severity="warning" title="Anybody on the way can read the token">
          Without verification Grafana cannot tell the server from another. Give it the authority&apos;s certificate
          instead.
        </Alert>
      )}
    </>
  );
}

function CertificateField({ options, setSecret, resetSecret }: Settings) {
  const id = useId();
  const pem = options.secureJsonData?.tlsCACert ?? '';
  const judged = judgeCertificate(pem);
  const configured = Boolean(options.secureJsonFields?.tlsCACert);
  return (
    <Field
      noMargin
      label="CA certificate"
      htmlFor={id}
      invalid={Boolean(judged)}
      error={judged && <Advice {...judged} />}
    >
      {options.readOnly ? (
        <Input id={id} width={WIDTH} disabled value={configured ? 'configured' : ''} />
      ) : (
        <SecretTextArea
          id={id}
          cols={64}
          rows={6}
          spellCheck={false}
          value={pem}
          isConfigured={configured}
          placeholder="-----BEGIN CERTIFICATE-----"
          onChange={({ currentTarget }) => setSecret('tlsCACert', currentTarget.value)}
          onReset={() => resetSecret('tlsCACert')}
        />
      )}
    </Field>
  );
}

type Limit = keyof typeof DEFAULT_OPTIONS;

const LIMITS: Array<Bounds & { name: Limit; label: string; unit: string; description: string }> = [
  {
    name: 'timeoutSeconds',
    label: 'Time of a query',
    unit: 'seconds',
    least: 1,
    most: 3600,
    description: 'A query that takes longer is cancelled.',
  },
  {
    name: 'maxRows',
    label: 'Rows of a result',
    unit: 'rows',
    least: 1,
    most: 10_000_000,
    description: 'Panels say so when there were more.',
  },
  {
    name: 'maxConcurrent',
    label: 'Queries at once',
    unit: 'queries',
    least: 1,
    most: 1000,
    description: 'Others wait for their turn.',
  },
  {
    name: 'staleMinutes',
    label: 'Events are old after',
    unit: 'minutes',
    least: 0,
    most: 525_600,
    description: 'Panels say so; CloudTrail itself delivers some 5 to 15 minutes late. 0 says it never.',
  },
];

function LimitFields(settings: Settings) {
  return (
    <>
      {LIMITS.map((limit) => (
        <LimitField key={limit.name} {...limit} {...settings} />
      ))}
    </>
  );
}

function LimitField({
  name,
  label,
  unit,
  description,
  options,
  setOption,
  ...bounds
}: Settings & (typeof LIMITS)[number]) {
  const id = useId();
  const saved = options.jsonData[name];
  const [text, setText] = useState(String(saved ?? ''));
  const judged = judgeNumber(text, bounds);
  const change = (typed: string) => {
    setText(typed);
    if (!judgeNumber(typed, bounds)) {
      setOption({ [name]: typed.trim() === '' ? undefined : Number(typed) });
    }
  };
  return (
    <Field
      noMargin
      label={label}
      htmlFor={id}
      description={description}
      invalid={Boolean(judged)}
      error={judged?.problem}
    >
      <Input
        id={id}
        width={24}
        inputMode="numeric"
        value={text}
        placeholder={DEFAULT_OPTIONS[name].toLocaleString('en-US')}
        suffix={unit}
        disabled={options.readOnly}
        onChange={({ currentTarget }) => change(currentTarget.value)}
      />
    </Field>
  );
}

function Provisioning({ options }: Settings) {
  return (
    <Stack direction="column" gap={1}>
      <Text color="secondary">
        The settings above as a file for provisioning/datasources. Grafana takes the token from the environment variable
        KMSTRAIL_TOKEN.
      </Text>
      <Copyable label="the provisioning file" text={provisioningYaml(options)} />
    </Stack>
  );
}

interface SwitchFieldProps {
  label: string;
  description: string;
  value?: boolean;
  disabled?: boolean;
  onChange(value: boolean): void;
}

function SwitchField({ label, description, value, disabled, onChange }: SwitchFieldProps) {
  const id = useId();
  return (
    <Field noMargin label={label} htmlFor={id} description={description}>
      <Switch id={id} value={value ?? false} disabled={disabled} onChange={() => onChange(!value)} />
    </Field>
  );
}

function Advice({ problem, hint }: Judgement) {
  return (
    <>
      {problem} {hint}
    </>
  );
}

function Section({ title, description, children }: PropsWithChildren<{ title: string; description?: string }>) {
  const styles = useStyles2(getStyles);
  return (
    <section aria-label={title} className={styles.section}>
      <div>
        <Text element="h3" variant="h4">
          {title}
        </Text>
        {description && <Text color="secondary">{description}</Text>}
      </div>
      {children}
    </section>
  );
}

function Fold({ title, children }: { title: string; children: ReactNode }) {
  const [open, setOpen] = useState(false);
  return (
    <Collapse label={title} isOpen={open} onToggle={() => setOpen(!open)}>
      {children}
    </Collapse>
  );
}

const getStyles = (theme: GrafanaTheme2) => ({
  section: css({ display: 'flex', flexDirection: 'column', gap: theme.spacing(2), maxWidth: 720 }),
});
