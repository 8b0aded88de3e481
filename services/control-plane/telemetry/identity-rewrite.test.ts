import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { gunzipSync, gzipSync } from 'node:zlib';
import type { Signal } from '#shared/domain/settings-push.ts';
import {
  attributesAt,
  encodeWire,
  keyValue,
  texts,
  valuesAt,
  type WireField,
} from '../../../test/support/otlp-wire.ts';
import { overwriteIdentity } from './identity-rewrite.ts';

const identity = { sub: 'u1', email: 'dev@example.com', groups: ['eng', 'ops'] };
const ours = {
  'user.id': 'u1',
  'user.email': 'dev@example.com',
  'user.groups': 'eng,ops',
  'identity.source': 'gateway-oidc',
};
const BOUND = 1024 * 1024;
const PROTOBUF = 'application/x-protobuf';
const JSON_TYPE = 'application/json';

/** A lie in every spelling, and something true, as attributes under a field number. */
function lies(number: number): WireField[] {
  const keys = ['user.email', 'User.Id', 'enduser.id', 'identity.source', 'user_email'];
  return [...keys.map((key) => [number, keyValue(key, 'boss')] as const), [number, kept]];
}
const kept = [...keyValue('session.id', 's1'), [999, 'unknown in key-value']] as const;
const session = { 'session.id': 's1' };

async function rewrite(signal: Signal, data: Uint8Array, contentType = PROTOBUF, encoding = '') {
  const payload = { signal, contentType, contentEncoding: encoding, data };
  const result = await overwriteIdentity(payload, identity, BOUND);
  assert.equal(result.outcome, 'rewritten');
  return result.outcome === 'rewritten' ? Buffer.from(result.data) : Buffer.alloc(0);
}

async function reasonFor(data: Uint8Array, contentType = PROTOBUF, encoding = '') {
  const payload = { signal: 'logs', contentType, contentEncoding: encoding, data } as const;
  const result = await overwriteIdentity(payload, identity, BOUND);
  return result.outcome === 'malformed' ? result.reason : 'rewritten';
}

const point = (attributes: number, exemplars: number): WireField => {
  const exemplar: WireField = [exemplars, lies(7)];
  return [1, [...lies(attributes), exemplar, [998, 'unknown in point']]];
};
const metrics = encodeWire([
  [
    1,
    [
      [1, [...lies(1), [997, 'unknown in resource']]],
      [
        2,
        [
          [1, lies(3)],
          [
            2,
            [
              [1, 'gauge'],
              [5, [point(7, 5)]],
              [12, keyValue('user.email', 'boss')],
            ],
          ],
          [
            2,
            [
              [1, 'sum'],
              [7, [point(7, 5), [2, 1], [3, 1]]],
              [996, 'unknown in metric'],
            ],
          ],
          [
            2,
            [
              [1, 'histogram'],
              [9, [point(9, 8)]],
            ],
          ],
          [
            2,
            [
              [1, 'exponential'],
              [10, [point(1, 11)]],
            ],
          ],
          [
            2,
            [
              [1, 'summary'],
              [11, [[1, lies(7)]]],
            ],
          ],
          [995, 'unknown in scope metrics'],
        ],
      ],
      [994, 'unknown in resource metrics'],
    ],
  ],
  [993, 'unknown in request'],
]);

describe('protobuf metrics', () => {
  test('the session is on the resource and on every kind of point, no lie is left', async () => {
    const data = await rewrite('metrics', metrics);
    assert.deepEqual(attributesAt(data, [1, 1], 1), [{ ...session, ...ours }]);
    for (const [series, attributes] of [
      [5, 7],
      [7, 7],
      [9, 9],
      [10, 1],
      [11, 7],
    ] as const) {
      const points = attributesAt(data, [1, 2, 2, series, 1], attributes);
      assert.deepEqual(points, [{ ...session, ...ours }], `series ${series}`);
    }
    assert.equal(data.includes('boss'), false);
  });

  test('scopes and exemplars lose their claims and keep the rest', async () => {
    const data = await rewrite('metrics', metrics);
    assert.deepEqual(attributesAt(data, [1, 2, 1], 3), [session]);
    assert.deepEqual(attributesAt(data, [1, 2, 2, 7, 1, 5], 7), [session]);
    assert.deepEqual(attributesAt(data, [1, 2, 2, 10, 1, 11], 7), [session]);
  });

  test('fields that we do not know are kept at every level', async () => {
    const data = await rewrite('metrics', metrics);
    assert.deepEqual(texts(data, [993]), ['unknown in request']);
    assert.deepEqual(texts(data, [1, 994]), ['unknown in resource metrics']);
    assert.deepEqual(texts(data, [1, 2, 995]), ['unknown in scope metrics']);
    assert.deepEqual(texts(data, [1, 2, 2, 996]), ['unknown in metric']);
    assert.deepEqual(texts(data, [1, 1, 997]), ['unknown in resource']);
    assert.deepEqual(texts(data, [1, 2, 2, 7, 1, 998]), ['unknown in point']);
    assert.deepEqual(texts(data, [1, 1, 1, 999]), ['unknown in key-value']);
  });

  test('doing it twice gives the same bytes', async () => {
    const once = await rewrite('metrics', metrics);
    assert.deepEqual(await rewrite('metrics', once), once);
  });

  test('a resource that is missing is made, so that the identity has a place', async () => {
    const data = await rewrite('metrics', encodeWire([[1, [[2, []]]]]));
    assert.deepEqual(attributesAt(data, [1, 1], 1), [ours]);
  });

  test('an empty value and text that is not UTF-8 survive', async () => {
    const odd = Buffer.from([0xff, 0xfe]);
    const attribute: WireField = [
      1,
      [
        [1, odd],
        [2, []],
      ],
    ];
    const data = await rewrite('metrics', encodeWire([[1, [[1, [attribute]]]]]));
    assert.deepEqual(valuesAt(data, [1, 1, 1, 1])[0], odd);
    assert.deepEqual(valuesAt(data, [1, 1, 1, 2])[0], Buffer.alloc(0));
  });
});

function record(...fields: WireField[]): WireField {
  return [2, fields];
}

describe('protobuf logs and traces', () => {
  test('records carry the session; whole API bodies are dropped under any name', async () => {
    const request = encodeWire([
      [
        1,
        [
          [
            2,
            [
              record([5, [[1, 'claude_code.user_prompt']]], ...lies(6)),
              record([5, [[1, 'claude_code.api_request_body']]]),
              record([6, keyValue('event.name', 'api_response_body')]),
              record([12, 'claude_code.api_request_body']),
            ],
          ],
        ],
      ],
    ]);
    const data = await rewrite('logs', request);
    assert.deepEqual(attributesAt(data, [1, 2, 2], 6), [{ ...session, ...ours }]);
    assert.deepEqual(texts(data, [1, 2, 2, 5, 1]), ['claude_code.user_prompt']);
  });

  test('spans carry the session; their events and links lose claims', async () => {
    const span: WireField = [2, [[5, 'llm_request'], ...lies(9), [11, lies(3)], [13, lies(4)]]];
    const data = await rewrite('traces', encodeWire([[1, [[2, [span]]]]]));
    assert.deepEqual(attributesAt(data, [1, 2, 2], 9), [{ ...session, ...ours }]);
    assert.deepEqual(attributesAt(data, [1, 2, 2, 11], 3), [session]);
    assert.deepEqual(attributesAt(data, [1, 2, 2, 13], 4), [session]);
    assert.deepEqual(texts(data, [1, 2, 2, 5]), ['llm_request']);
  });
});

describe('JSON', () => {
  const lie = { key: 'user.email', value: { stringValue: 'boss@example.com' } };
  const claims = [lie, { key: 'session.id', value: { stringValue: 's1' } }];
  const stamped = [
    { key: 'session.id', value: { stringValue: 's1' } },
    ...Object.entries(ours).map(([key, text]) => ({ key, value: { stringValue: text } })),
  ];

  test('both spellings of names are rewritten, unknown members are kept', async () => {
    const series = { gauge: { data_points: [{ attributes: claims, exemplars: [] }] }, x: 1 };
    const request = {
      resource_metrics: [
        { resource: { attributes: claims }, scope_metrics: [{ metrics: [series] }], later: [2] },
      ],
    };
    const data = await rewrite('metrics', Buffer.from(JSON.stringify(request)), JSON_TYPE);
    assert.deepEqual(JSON.parse(data.toString()), {
      resource_metrics: [
        {
          resource: { attributes: stamped },
          scope_metrics: [
            {
              metrics: [{ gauge: { data_points: [{ attributes: stamped, exemplars: [] }] }, x: 1 }],
            },
          ],
          later: [2],
        },
      ],
    });
  });

  test('integers beyond 2^53 keep every digit', async () => {
    const text = '{"resourceLogs":[{"scopeLogs":[{"logRecords":[{"n":12345678901234567890}]}]}]}';
    const data = await rewrite('logs', Buffer.from(text), `${JSON_TYPE}; charset=utf-8`);
    assert.match(data.toString(), /"n":12345678901234567890[,}]/);
  });

  test('whole API bodies are dropped', async () => {
    const body = { body: { stringValue: 'claude_code.api_response_body' } };
    const named = {
      attributes: [{ key: 'event.name', value: { stringValue: 'api_request_body' } }],
    };
    const request = { resourceLogs: [{ scopeLogs: [{ logRecords: [body, named] }] }] };
    const data = await rewrite('logs', Buffer.from(JSON.stringify(request)), JSON_TYPE);
    assert.deepEqual(JSON.parse(data.toString()).resourceLogs[0].scopeLogs[0].logRecords, []);
  });
});

describe('encodings and damage', () => {
  test('gzip is opened, and closed again', async () => {
    const data = await rewrite('metrics', gzipSync(metrics), PROTOBUF, 'gzip');
    assert.deepEqual(gunzipSync(data), await rewrite('metrics', metrics));
  });

  test('a gzip that grows past the bound is refused', async () => {
    const bomb = gzipSync(Buffer.alloc(2 * BOUND));
    assert.match(await reasonFor(bomb, PROTOBUF, 'gzip'), /too large when decoded/);
  });

  test('damage is named without quoting the payload', async () => {
    const secret = Buffer.from('{"resourceLogs": secret prompt');
    const reasons = [
      await reasonFor(secret, JSON_TYPE),
      await reasonFor(secret),
      await reasonFor(Buffer.from('{"resourceLogs":{}}'), JSON_TYPE),
      await reasonFor(Buffer.from('[]'), JSON_TYPE),
    ];
    for (const reason of reasons) {
      assert.equal(reason, 'payload is not a valid OTLP export request');
    }
  });

  test('other content types and encodings are refused by name', async () => {
    assert.match(await reasonFor(metrics, 'text/plain'), /neither OTLP protobuf nor OTLP JSON/);
    assert.match(await reasonFor(metrics, PROTOBUF, 'br'), /not gzip/);
  });

  test('without an e-mail or groups no such attribute is made up', async () => {
    const payload = {
      signal: 'metrics',
      contentType: '',
      contentEncoding: '',
      data: metrics,
    } as const;
    const result = await overwriteIdentity(payload, { sub: 'u2', email: null, groups: [] }, BOUND);
    assert.equal(result.outcome, 'rewritten');
    const data = result.outcome === 'rewritten' ? result.data : Buffer.alloc(0);
    const resource = { ...session, 'user.id': 'u2', 'identity.source': 'gateway-oidc' };
    assert.deepEqual(attributesAt(data, [1, 1], 1), [resource]);
  });

  test('no truncation of a request hangs or throws', async () => {
    for (let length = 0; length < metrics.length; length += 1) {
      const data = metrics.subarray(0, length);
      const payload = {
        signal: 'metrics',
        contentType: PROTOBUF,
        contentEncoding: '',
        data,
      } as const;
      const { outcome } = await overwriteIdentity(payload, identity, BOUND);
      assert.match(outcome, /^(rewritten|malformed)$/);
    }
  });
});
