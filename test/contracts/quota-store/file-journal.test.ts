// The journal of the in-process quota store: what it acknowledged is there after any death of its
// process, a full disk costs nobody but those who wrote then, and it stays small.

import assert from 'node:assert/strict';
import {
  appendFileSync,
  copyFileSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
  writeSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, it } from 'node:test';
import fc from 'fast-check';
import { openFileQuotaJournal } from '#shared/adapters/quota-store/file-journal.ts';
import type { DiskWrite } from '#shared/adapters/quota-store/journal-file.ts';
import type { JournalChange, QuotaJournal } from '#shared/adapters/quota-store/memory.ts';
import { startChild } from '../../support/child.ts';
import { createMemoryLog } from '../../support/log.ts';
import { byId, outboxEntry, reservation, STEPS, standingAfter } from './journal-records.ts';

const folder = mkdtempSync(join(tmpdir(), 'tallygate-journal-'));
after(() => rmSync(folder, { recursive: true }));
let made = 0;
const freshPath = () => join(folder, `${made++}.jsonl`);

interface Small {
  readonly write?: DiskWrite;
  readonly compactFromBytes?: number;
}

async function openAt(path: string, small: Small = {}) {
  const log = createMemoryLog();
  return { journal: await openFileQuotaJournal({ path, log, ...small }), log };
}

/** As if the process were killed now: what another one finds. */
async function foundAfterKill(path: string) {
  const copy = freshPath();
  copyFileSync(path, copy);
  const { journal, log } = await openAt(copy);
  await using _open = journal;
  return { standing: byId(journal.load()), told: log.lines };
}

/** A disk that can be full: then it takes some bytes, and fails when it is asked for the rest. */
function createDisk(partBytes = 0) {
  let hasTaken = false;
  const disk = {
    isFull: false,
    writes: 0,
    write(fd: number, text: string | Uint8Array): number {
      disk.writes += 1;
      const bytes = Buffer.from(text);
      if (!disk.isFull) return writeSync(fd, bytes);
      const part = bytes.subarray(0, Math.min(partBytes, bytes.length - 1));
      hasTaken = !hasTaken && part.length > 0;
      if (hasTaken) return writeSync(fd, part);
      throw Object.assign(new Error('no space left on device'), { code: 'ENOSPC' });
    },
  };
  return disk;
}

it('keeps what stands, and a settlement is one line with the end of its reservation', async () => {
  const path = freshPath();
  const changes: JournalChange[] = [
    { putReservation: reservation('a') },
    { putReservation: reservation('b') },
    { putReservation: reservation('b', 7) },
    { dropReservation: 'a', putOutbox: outboxEntry('a') },
    { putOutbox: outboxEntry('c') },
    { dropOutbox: ['c', 'nobody'] },
    { dropReservation: 'nobody' },
  ];
  const { journal } = await openAt(path);
  await using _open = journal;
  for (const change of changes) await journal.write(change);
  const { standing, told } = await foundAfterKill(path);
  assert.deepEqual(standing, standingAfter(changes));
  assert.deepEqual(told, []);
  assert.equal(readFileSync(path, 'utf8').split('\n').length, changes.length + 1);
});

it('writes all of a turn at once', async () => {
  const disk = createDisk();
  const { journal } = await openAt(freshPath(), disk);
  await using _open = journal;
  await Promise.all(['a', 'b', 'c'].map((id) => journal.write({ putOutbox: outboxEntry(id) })));
  assert.equal(disk.writes, 1);
});

it('is its owner’s alone, before and after it was compacted', async () => {
  const path = freshPath();
  const umask = process.umask(0o022);
  const { journal } = await openAt(path, { compactFromBytes: 1_000 });
  const mode = () => statSync(path).mode & 0o777;
  assert.equal(mode(), 0o600);
  const { ino } = statSync(path);
  for (let nth = 0; statSync(path).ino === ino; nth += 1) await putAndDrop(journal, `${nth}`);
  assert.equal(mode(), 0o600);
  process.umask(umask);
  await journal[Symbol.asyncDispose]();
});

async function putAndDrop(journal: QuotaJournal, id: string): Promise<void> {
  await journal.write({ putReservation: reservation(id) });
  await journal.write({ dropReservation: id });
}

it('says nothing of a last line that was cut, and writes the next one apart from it', async () => {
  const path = freshPath();
  const whole = `${JSON.stringify({ putOutbox: outboxEntry('a') })}\n`;
  const cut = JSON.stringify({ putOutbox: outboxEntry('cut') });
  for (const length of [1, cut.length - 1, cut.length]) {
    writeFileSync(path, whole + cut.slice(0, length));
    const { journal, log } = await openAt(path);
    assert.deepEqual(journal.load().outbox, [outboxEntry('a')]);
    await journal.write({ putOutbox: outboxEntry('b') });
    assert.deepEqual(
      (await foundAfterKill(path)).standing.outbox.map(({ id }) => id),
      ['a', 'b'],
    );
    await journal[Symbol.asyncDispose]();
    assert.deepEqual(log.lines, []);
  }
});

it('passes over broken lines in the middle, and says once how many', async () => {
  const path = freshPath();
  const line = (id: string) => JSON.stringify({ putOutbox: outboxEntry(id) });
  const broken = [
    '{"putOutbox":{"id":"x',
    '\0'.repeat(4096),
    '{}',
    '7',
    'null',
    line('y').slice(9),
  ];
  writeFileSync(path, `${line('a')}\n${broken.join('\n')}\n\n${line('b')}\n`);
  const first = await openAt(path);
  assert.deepEqual(first.journal.load().outbox, [outboxEntry('a'), outboxEntry('b')]);
  const [{ level, message, fields } = assert.fail(), ...more] = first.log.lines;
  assert.deepEqual(more, []);
  assert.equal(level, 'error');
  assert.match(message, /cannot be read/);
  assert.equal(fields['lines'], broken.length);
  await first.journal[Symbol.asyncDispose]();
  const { standing, told } = await foundAfterKill(path);
  assert.equal(standing.outbox.length, 2);
  assert.deepEqual(told, []);
});

it('reads lines and files longer than what it reads at a time', async () => {
  const path = freshPath();
  const long = { ...outboxEntry('long'), event: 'ü'.repeat(1_500_000) };
  const entries = [outboxEntry('a'), long, outboxEntry('b')];
  writeFileSync(path, entries.map((putOutbox) => `${JSON.stringify({ putOutbox })}\n`).join(''));
  const { journal, log } = await openAt(path);
  assert.deepEqual(journal.load().outbox, entries);
  assert.deepEqual(log.lines, []);
  await journal[Symbol.asyncDispose]();
});

for (const partBytes of [0, 100]) {
  it(`refuses while the disk is full, and forgets it (${partBytes} bytes fit)`, async () => {
    const path = freshPath();
    const disk = createDisk(partBytes);
    const { journal } = await openAt(path, disk);
    await using _open = journal;
    await journal.write({ putOutbox: outboxEntry('before') });
    const { size } = statSync(path);
    for (let time = 0; time < 2; time += 1) {
      disk.isFull = true;
      const refused = await Promise.allSettled(
        ['x', 'y'].map((id) => journal.write({ putOutbox: outboxEntry(id) })),
      );
      for (const one of refused) {
        assert(one.status === 'rejected');
        assert.equal(one.reason.code, 'unavailable');
        assert.equal(one.reason.cause.code, 'ENOSPC');
        assert.match(one.reason.message, /could not be written; check the disk under data_dir/);
      }
    }
    assert.equal(statSync(path).size, size);
    disk.isFull = false;
    await journal.write({ putOutbox: outboxEntry('then') });
    const { standing, told } = await foundAfterKill(path);
    assert.deepEqual(
      standing,
      standingAfter(['before', 'then'].map((id) => ({ putOutbox: outboxEntry(id) }))),
    );
    assert.deepEqual(told, []);
  });
}

it('stays small, loses nothing while it is compacted, and is a new file each time', async () => {
  const path = freshPath();
  const compactFromBytes = 100_000;
  const { journal, log } = await openAt(path, { compactFromBytes });
  await using _open = journal;
  const kept: JournalChange[] = [];
  let inodes = new Set<number>();
  for (let nth = 0; nth < 400; nth += 1) {
    const ids = Array.from({ length: 10 }, (_, of) => `${nth}-${of}`);
    await Promise.all(ids.map((id) => putAndDrop(journal, id)));
    const putOutbox = outboxEntry(`kept-${nth}`);
    kept.push({ putOutbox });
    await journal.write({ putOutbox });
    inodes = inodes.add(statSync(path).ino);
    assert.ok(statSync(path).size < 4 * compactFromBytes);
    if (nth % 40 === 0) {
      assert.deepEqual((await foundAfterKill(path)).standing, standingAfter(kept));
    }
  }
  assert.ok(inodes.size > 3, `${inodes.size} files`);
  assert.deepEqual(log.lines, []);
});

it('goes on in the file that is there while a new one cannot be made', async () => {
  const path = freshPath();
  const { journal, log } = await openAt(path, { compactFromBytes: 1_000 });
  mkdirSync(`${path}.new`);
  let count = 0;
  for (; log.lines.length < 2; count += 1) await putAndDrop(journal, `${count}`);
  assert.match(log.lines[0]?.message ?? '', /could not be compacted/);
  await journal.write({ putOutbox: outboxEntry('a') });
  assert.deepEqual((await foundAfterKill(path)).standing.outbox, [outboxEntry('a')]);
  rmSync(`${path}.new`, { recursive: true });
  const { ino } = statSync(path);
  for (; statSync(path).ino === ino; count += 1) await putAndDrop(journal, `${count}`);
  assert.deepEqual((await foundAfterKill(path)).standing.outbox, [outboxEntry('a')]);
  await journal[Symbol.asyncDispose]();
  assert.equal(existsSync(`${path}.new`), false);
});

it('drops void lines within the hour, however few there are', async ({ mock }) => {
  mock.timers.enable({ apis: ['setInterval'] });
  const path = freshPath();
  const { journal } = await openAt(path);
  await journal.write({ putOutbox: outboxEntry('a') });
  const { size } = statSync(path);
  await putAndDrop(journal, 'gone');
  mock.timers.tick(3_600_000);
  await journal[Symbol.asyncDispose]();
  assert.equal(statSync(path).size, size);
  assert.deepEqual((await foundAfterKill(path)).standing.outbox, [outboxEntry('a')]);
});

it('leaves at a start what stands and nothing else, also of what was begun and not ended', async () => {
  const path = freshPath();
  const before = await openAt(path);
  await putAndDrop(before.journal, 'void');
  await before.journal.write({ putOutbox: outboxEntry('a') });
  appendFileSync(`${path}.new`, 'half of a comp');
  const { journal } = await openAt(path);
  assert.equal(readFileSync(path, 'utf8'), `${JSON.stringify({ putOutbox: outboxEntry('a') })}\n`);
  assert.equal(existsSync(`${path}.new`), false);
  await journal[Symbol.asyncDispose]();
  await before.journal[Symbol.asyncDispose]();
});

it('refuses what is written after its end, and a path that cannot be a file', async () => {
  const { journal } = await openAt(freshPath());
  const last = journal.write({ dropOutbox: ['a'] });
  await journal[Symbol.asyncDispose]();
  await last;
  await assert.rejects(journal.write({ dropOutbox: ['a'] }), { code: 'unavailable' });
  await assert.rejects(openAt(folder), { code: 'unavailable' });
});

const id = fc.constantFrom('a', 'b', 'c', 'd', 'e');
const change = fc.oneof(
  fc.tuple(id, fc.nat(9)).map(([of, n]) => ({ putReservation: reservation(of, n) })),
  id.map((dropReservation) => ({ dropReservation })),
  id.map((of) => ({ dropReservation: of, putOutbox: outboxEntry(of) })),
  fc.array(id, { minLength: 1 }).map((dropOutbox) => ({ dropOutbox })),
);
const step = fc.oneof(
  { weight: 8, arbitrary: fc.array(change, { minLength: 1, maxLength: 6 }) },
  { weight: 1, arbitrary: fc.constantFrom('kill', 'end', 'fill', 'free') },
);

it('agrees with a plain model over restarts, kills, full disks and compactions', async () => {
  const steps = fc.array(step, { minLength: 20, maxLength: 60 });
  await fc.assert(
    fc.asyncProperty(steps, fc.nat(300), async (wanted, partBytes) => {
      const disk = createDisk(partBytes);
      const small = { write: disk.write, compactFromBytes: 2_000 };
      let path = freshPath();
      let { journal, log } = await openAt(path, small);
      const changes: JournalChange[] = [];
      for (const doing of wanted) {
        if (doing === 'fill' || doing === 'free') disk.isFull = doing === 'fill';
        else if (typeof doing !== 'string') {
          const written = await Promise.allSettled(doing.map((one) => journal.write(one)));
          const isWritten = written.every(({ status }) => status === 'fulfilled');
          assert.equal(isWritten, !disk.isFull);
          if (isWritten) changes.push(...doing);
        } else {
          const next = freshPath();
          if (doing === 'kill') copyFileSync(path, next);
          await journal[Symbol.asyncDispose]();
          if (doing === 'end') copyFileSync(path, next);
          path = next;
          ({ journal, log } = await openAt(path, small));
          assert.deepEqual(byId(journal.load()), standingAfter(changes));
          assert.deepEqual(
            log.lines.filter(({ level }) => level === 'error'),
            [],
          );
        }
      }
      await journal[Symbol.asyncDispose]();
      assert.deepEqual((await foundAfterKill(path)).standing, standingAfter(changes));
    }),
    { numRuns: 60 },
  );
});

it('has what it acknowledged when its process is killed in the middle of writing', async () => {
  const module = new URL('./journal-records.ts', import.meta.url).href;
  for (const requests of [50, 1_000]) {
    const path = freshPath();
    const told = `${path}.told`;
    const opener = { module, export: 'openSmallJournal', argument: path };
    const child = startChild({ module, export: 'writeForEver' }, opener, told);
    await child.printed(requests);
    await child.kill();
    const said = new Map<string, string>();
    for (const line of readFileSync(told, 'utf8').trimEnd().split('\n')) {
      const [request = '', step = ''] = line.split(' ');
      said.set(request, step);
    }
    const { standing, told: logged } = await foundAfterKill(path);
    assert.deepEqual(logged, []);
    const found = new Map<string, string>([
      ...standing.reservations.map(({ id }) => [id, 'reserved'] as const),
      ...standing.outbox.map(({ id }) => [id, 'settled'] as const),
    ]);
    for (const request of new Set([...said.keys(), ...found.keys()])) {
      const last = STEPS.indexOf(said.get(request) ?? 'unknown');
      // What is not there was not reserved yet, or has been applied.
      const is = STEPS.indexOf(found.get(request) ?? (last >= 2 ? 'applied' : 'unknown'));
      assert.ok(
        is === last || is === last + 1,
        `${request}: ${STEPS[last]} told, ${STEPS[is]} found`,
      );
    }
    assert.ok(found.size <= 7);
  }
});
