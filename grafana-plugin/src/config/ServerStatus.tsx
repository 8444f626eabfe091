import { css } from '@emotion/css';
import { dateTimeFormat, GrafanaTheme2 } from '@grafana/data';
import { getBackendSrv } from '@grafana/runtime';
import { Alert, LoadingPlaceholder, useStyles2 } from '@grafana/ui';
import React, { useCallback } from 'react';
import { Status } from '../types';
import { useAnswer } from '../useAnswer';

interface Props {
  uid: string;
  /** Raised by Grafana when settings are saved: then the server is asked again. */
  version?: number;
}

/** What the server says of itself with the settings as saved. */
export function ServerStatus({ uid, version }: Props) {
  const { value, error, loading } = useAnswer(
    useCallback(
      () =>
        getBackendSrv().get<Status>(
          `/api/datasources/uid/${encodeURIComponent(uid)}/resources/status`,
          undefined,
          undefined,
          { showErrorAlert: false }
        ),
      // Another version has other settings.
      // eslint-disable-next-line react-hooks/exhaustive-deps
      [uid, version]
    )
  );
  if (error) {
    return (
      <Alert severity="warning" title="The server does not answer with the saved settings">
        {error}
      </Alert>
    );
  }
  if (!value) {
    return <LoadingPlaceholder text="Asking the server…" />;
  }
  return (
    <div aria-busy={loading}>
      {value.stale && (
        <Alert severity="warning" title="The events are old">
          The newest is of {time(value.eventsTo)}. Run kmstrail status on the server to see whether it still reads logs.
        </Alert>
      )}
      {value.events === 0 && (
        <Alert severity="warning" title="The server has no events yet">
          Fill it on the server: kmstrail ingest s3://my-trail-bucket --last 7d
        </Alert>
      )}
      <Facts status={value} />
    </div>
  );
}

function Facts({ status }: { status: Status }) {
  const styles = useStyles2(getStyles);
  const { version, events, eventsFrom, eventsTo, delivered, accounts, regions } = status;
  const facts = [
    ['Server', version && `kmstrail ${version}`],
    ['Events', events > 0 && `${events.toLocaleString('en-US')}, ${time(eventsFrom)} to ${time(eventsTo)}`],
    ['Last delivery', delivered && time(delivered)],
    ['Seen', accounts > 0 && `${count(accounts, 'account')} in ${count(regions, 'Region')}`],
  ].filter(([, fact]) => fact);
  return (
    <dl className={styles.facts}>
      {facts.map(([name, fact]) => (
        <div key={String(name)}>
          <dt>{name}</dt>
          <dd>{fact}</dd>
        </div>
      ))}
    </dl>
  );
}

const count = (n: number, what: string) => `${n.toLocaleString('en-US')} ${what}${n === 1 ? '' : 's'}`;

/** A time in UTC, as CloudTrail has it. */
function time(text: string): string {
  return dateTimeFormat(text, { timeZone: 'utc', format: 'YYYY-MM-DD HH:mm' }) + ' UTC';
}

const getStyles = (theme: GrafanaTheme2) => ({
  facts: css({
    margin: 0,
    '> div': { display: 'flex', gap: theme.spacing(1), padding: theme.spacing(0.25, 0) },
    dt: { flex: `0 0 ${theme.spacing(14)}`, color: theme.colors.text.secondary, fontWeight: 'normal' },
    dd: { margin: 0 },
  }),
});
