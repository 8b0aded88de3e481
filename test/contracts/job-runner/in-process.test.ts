import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { openInProcessJobs } from '#shared/adapters/job-runner/in-process.ts';
import { createTestClock, NOON_MS } from '../../support/clock.ts';
import { openJobsInstance } from '../../support/jobs-instance.ts';
import { createMemoryLog } from '../../support/log.ts';
import { jobRunnerContract } from './suite.ts';

jobRunnerContract({
  name: 'in process',
  open: openJobsInstance,
  capabilities: { acrossInstances: false },
});

describe('jobs in this process', () => {
  it('takes times from its clock and names the job that failed in its log', async () => {
    const clock = createTestClock();
    const log = createMemoryLog();
    await using jobs = openInProcessJobs({ clock, log });
    const run = async () => {
      clock.advance(250);
      throw new Error('the ledger is away');
    };
    await jobs.schedule({ name: 'sweep', everySeconds: 3600, run });
    await assert.rejects(jobs.runNow('sweep'));
    const [state] = await jobs.states();
    assert.equal(state?.lastRunMs, NOON_MS);
    assert.equal(state?.lastDurationMs, 250);
    assert.deepEqual(
      log.lines.map(({ level, fields }) => [level, fields['job']]),
      [['error', 'sweep']],
    );
  });
});
