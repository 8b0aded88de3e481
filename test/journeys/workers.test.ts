// `--plane data` with two workers, as the real program on Redis and Pub/Sub: they share a port and the
// caps, one of them may die, and all of them can be new without anybody noticing.

import assert from 'node:assert/strict';
import { Agent } from 'node:http';
import { after, before, describe, test } from 'node:test';
import { setTimeout as pause } from 'node:timers/promises';
import { skipUnless } from '../support/needed.ts';
import { untilTrue } from '../support/until.ts';
import { answerEvents, pausesAfter, streams } from '../support/upstream.ts';
import { findWorkersWorld, openWorkersWorld, type WorkersWorld } from '../support/workers.ts';

const EVENTS = answerEvents();
const skip = skipUnless(...findWorkersWorld());
let world: WorkersWorld;

before(async () => {
  if (skip === false) world = await openWorkersWorld(2);
});
after(() => world?.[Symbol.asyncDispose]());

/** Two streams, one at each worker, that stand still until `goOn` is resolved. */
async function twoStreams(sub: string) {
  const goOn = Promise.withResolvers<void>();
  world.upstream.behave(
    pausesAfter(4, async (res) => {
      await goOn.promise;
      res.end(EVENTS.slice(4).join(''));
    }),
  );
  const answers = await Promise.all([world.ask(sub), world.ask(sub)]);
  assert.deepEqual(
    answers.map(({ status }) => status),
    [200, 200],
  );
  world.upstream.behave(streams());
  return { texts: answers.map(({ text }) => text), goOn: goOn.resolve };
}

/** The log may come a moment after the answers that it is about. */
async function bothSaid(event: string, sub: string): Promise<void> {
  await untilTrue(async () => (world.workersThat(event, sub).join() === '1,2' ? true : null));
}

describe('two workers', { skip }, () => {
  test('both serve, and a cap holds over both', async () => {
    world.upstream.behave(streams());
    for (let nth = 0; nth < 4; nth += 1) {
      const { status, text } = await world.ask('ann');
      assert.deepEqual([status, await text], [200, EVENTS.join('')]);
    }
    await bothSaid('inference', 'ann');
    await world.cap('ann', '1');
    for (let nth = 0; nth < 4; nth += 1) assert.equal((await world.ask('ann')).status, 429);
    await bothSaid('spend.blocked', 'ann');
  });

  test('one is killed while both stream: its request is billed, the other ends, a new one comes', async () => {
    const { texts, goOn } = await twoStreams('bob');
    const killed = world.processes().get(1) ?? 0;
    process.kill(killed, 'SIGKILL');
    await world.data.printed(/ a worker ended by itself and is started again worker=1 .*SIGKILL/);
    goOn();
    const ends = await Promise.allSettled(texts);
    const whole = ends.filter((end) => end.status === 'fulfilled');
    assert.deepEqual(
      whole.map(({ value }) => value),
      [EVENTS.join('')],
    );
    const bobs = await untilTrue(async () => {
      const events = world.ledger().filter(({ sub }) => sub === 'bob');
      return events.length === 2 ? events : null;
    });
    assert.deepEqual(bobs.map(({ outcome }) => outcome).sort(), ['complete', 'orphaned']);
    await untilTrue(async () => {
      await (await world.ask('carol')).text;
      return world.workersThat('inference', 'carol').length === 2 ? true : null;
    });
    assert.notEqual(world.processes().get(1), killed);
  });

  test('SIGUSR2 makes them new one by one, and refuses nobody', async () => {
    const old = world.processes();
    using keeping = agentThatKeeps();
    let isDone = false;
    const statuses = new Map<number, number>();
    const goOn = async (agent: Agent | false) => {
      while (!isDone) {
        const { status, text } = await world.ask('dana', agent);
        await text;
        statuses.set(status, (statuses.get(status) ?? 0) + 1);
        await pause(20);
      }
    };
    const load = Promise.all([goOn(false), goOn(keeping.agent)]);
    load.catch(() => undefined);
    world.data.signal('SIGUSR2');
    await untilTrue(async () => {
      return world.data.output().includes(' every worker is a new one workers=2') || null;
    }, 60_000);
    isDone = true;
    await load;
    assert.deepEqual([...statuses.keys()], [200]);
    const now = world.processes();
    assert.equal(now.size, 2);
    for (const [nth, pid] of now) assert.notEqual(pid, old.get(nth));
  });

  test('SIGTERM: both drain at the same time, and the command ends', async () => {
    const { texts, goOn } = await twoStreams('erin');
    const ended = world.data.end('SIGTERM');
    await world.data.printed(/ stopping signal=SIGTERM workers=2/);
    for (const nth of [1, 2]) {
      await world.data.printed(new RegExp(` stopping worker=${nth} signal=SIGTERM`));
    }
    goOn();
    assert.deepEqual(await Promise.all(texts), [EVENTS.join(''), EVENTS.join('')]);
    assert.equal(await ended, 0);
    await assert.rejects(world.ask('erin'));
  });
});

function agentThatKeeps() {
  const agent = new Agent({ keepAlive: true });
  return { agent, [Symbol.dispose]: () => agent.destroy() };
}
