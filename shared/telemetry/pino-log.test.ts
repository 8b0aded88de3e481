import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { AppError } from '#shared/errors/app-error.ts';
import { createTestClock } from '../../test/support/clock.ts';
import type { Log } from './log.ts';
import { createLog, type LogOptions } from './pino-log.ts';

const AT = '2026-11-24T12:00:00.000Z';
const JWT = 'eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiJ1MSJ9.c2lnbmF0dXJl';

function written(
  options: Pick<LogOptions, 'level' | 'format' | 'always'>,
  write: (log: Log) => void,
): string[] {
  const parts: string[] = [];
  const destination = { write: (line: string) => parts.push(line) };
  write(createLog({ ...options, clock: createTestClock(), destination }));
  const text = parts.join('');
  assert.ok(text === '' || text.endsWith('\n'), 'every line is ended');
  return text.split('\n').slice(0, -1);
}

const json = (write: (log: Log) => void, level: LogOptions['level'] = 'info') =>
  written({ level, format: 'json' }, write).map((line) => JSON.parse(line));
const text = (write: (log: Log) => void, level: LogOptions['level'] = 'info') =>
  written({ level, format: 'text' }, write);

describe('JSON lines are what Cloud Logging reads', () => {
  test('severity, time and message carry the level, the clock and the text', () => {
    const lines = json((log) => {
      log.debug('d');
      log.info('i', { count: 3, ok: true, none: null, gone: undefined });
      log.warn('w');
      log.error('100% of %s');
    }, 'debug');
    assert.deepEqual(lines, [
      { severity: 'DEBUG', time: AT, message: 'd' },
      { severity: 'INFO', time: AT, count: 3, ok: true, none: null, message: 'i' },
      { severity: 'WARNING', time: AT, message: 'w' },
      { severity: 'ERROR', time: AT, message: '100% of %s' },
    ]);
  });

  test('lines below the level are not written', () => {
    const lines = json((log) => {
      log.debug('d');
      log.info('i');
      log.warn('w');
    }, 'warn');
    assert.deepEqual(
      lines.map(({ message }) => message),
      ['w'],
    );
  });

  test('a field cannot take the place of the line’s own names', () => {
    const [line] = written({ level: 'info', format: 'json' }, (log) =>
      log.info('real', { message: 'fake', severity: 'fake', time: 'fake' }),
    );
    assert.equal(line?.match(/"message":/g)?.length, 1);
    assert.equal(JSON.parse(line ?? '').message, 'real');
    assert.equal(JSON.parse(line ?? '').severity, 'INFO');
  });
});

describe('text lines are for people', () => {
  test('time, level, text, then fields, quoted only where they must be', () => {
    assert.deepEqual(
      text((log) => {
        log.info('listening', { port: 8080, host: '0.0.0.0', note: 'two words' });
        log.warn('slow');
      }),
      [`${AT} INFO  listening port=8080 host=0.0.0.0 note="two words"`, `${AT} WARN  slow`],
    );
  });

  test('nothing that a client sends begins a line or paints the terminal', () => {
    const evil = 'a\n2026 ERROR forged\u001b[31m\u009b31m';
    const lines = text((log) => log.info(evil, { path: evil }));
    assert.equal(lines.length, 1);
    assert.doesNotMatch(lines[0] ?? '', /\p{Cc}/u);
  });
});

describe('audit events', () => {
  for (const format of ['json', 'text'] as const) {
    test(`${format}: one JSON line, ts and evt first, whatever the level`, () => {
      const fields = { request_id: 'r1', reason: 'missing_token', path: '/v1/models' };
      const lines = written({ level: 'error', format }, (log) => log.audit('auth.denied', fields));
      assert.deepEqual(lines, [JSON.stringify({ ts: AT, evt: 'auth.denied', ...fields })]);
    });
  }

  test('an error is its message alone, and secrets are masked', () => {
    const [line] = json((log) =>
      log.audit('session.mint', { err: new Error(`bad ${JWT}`), refresh_token: 'abc', sub: 'u1' }),
    );
    assert.equal(line.err, 'bad [redacted]');
    assert.equal(line.refresh_token, '[redacted]');
    assert.equal(line.sub, 'u1');
  });
});

describe('no secret is printed', () => {
  const write = (log: Log) => {
    log.info(`got Bearer ${JWT} and sk-ant-api03-hunter2hunter2`, {
      authorization: 'hunter2',
      'x-api-key': 'hunter2',
      clientSecret: 'hunter2',
      password: 'hunter2',
      cookie: 'gw_dev=hunter2',
      device_code: 'hunter2',
      url: 'https://h/callback?code=hunter2&state=hunter2',
      dsn: 'postgres://tally:hunter2@db/gateway',
      note: `see ${JWT}`,
      err: new AppError('internal', 'sk-hunter2', {
        detail: 'Bearer hunter2',
        cause: new Error('token=x sk-hunter2', { cause: `eyJ${'hunter2'.repeat(99)}.hunter2` }),
      }),
    });
  };

  test('in neither format', () => {
    for (const line of [...written({ level: 'debug', format: 'json' }, write), ...text(write)]) {
      assert.doesNotMatch(line, /hunter2|eyJ/);
      assert.ok(line.includes('[redacted]'));
    }
  });

  test('while what is no secret stays readable', () => {
    const fields = { input_tokens: 12, key_id: 'k1', token_type: 'Bearer', kid: 'a1', code: 'E1' };
    const [line] = json((log) => log.info('fine', { ...fields, path: '/v1/messages' }));
    assert.deepEqual(line, {
      ...{ severity: 'INFO', time: AT, message: 'fine', path: '/v1/messages' },
      ...fields,
    });
  });
});

test('a list of names stays a list, and nothing secret is in it', () => {
  const fields = { groups: ['a', 'Bearer abcdefghijklmnop.abcdefghijklmnop.abcdefghijklmnop'] };
  const [line] = json((log) => log.info('fine', fields));
  assert.equal(line.groups[0], 'a');
  assert.doesNotMatch(line.groups[1], /abcdefghijklmnop/);
  assert.deepEqual(
    text((log) => log.info('fine', { groups: ['a', 'b c'] })),
    [`${AT} INFO  fine groups="a,b c"`],
  );
});

describe('errors', () => {
  const deepest = Object.assign(new Error('connection refused'), { code: 'ECONNREFUSED' });
  const error = new AppError('unavailable', 'try again', {
    detail: 'redis is away',
    cause: new Error('admit failed', { cause: deepest }),
  });

  test('print message, code, detail and the chain of causes', () => {
    const [line] = json((log) => log.error('failed', { err: error }));
    assert.deepEqual(line.err, {
      message: 'try again',
      code: 'unavailable',
      detail: 'redis is away',
      cause: 'admit failed ← connection refused (ECONNREFUSED)',
    });
    assert.deepEqual(
      text((log) => log.error('failed', { err: new Error('no', { cause: 'why' }) })),
      [`${AT} ERROR failed err=no err.cause=why`],
    );
  });

  test('print a stack at debug only', () => {
    assert.match(json((log) => log.error('failed', { err: error }), 'debug')[0].err.stack, /at /);
  });

  test('keep causes within 500 characters, even in a circle', () => {
    const circle: Error = new Error('x'.repeat(300));
    circle.cause = circle;
    const [line] = json((log) => log.error('failed', { err: circle }));
    assert.equal(line.err.cause.length, 500);
  });
});

test('a field of every line is on audit lines too', () => {
  for (const format of ['text', 'json'] as const) {
    const lines = written({ level: 'info', format, always: { worker: 2 } }, (log) => {
      log.info('i', { count: 3 });
      log.warn('w');
      log.audit('auth.denied', { sub: 'u1' });
    });
    assert.equal(lines.length, 3);
    for (const line of lines) assert.match(line, /"worker":2|worker=2/);
  }
});
