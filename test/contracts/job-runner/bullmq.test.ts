import { describeOnRedis, openBullMqInstance } from '../../support/bullmq-instance.ts';
import { jobRunnerContract } from './suite.ts';

describeOnRedis((redis) =>
  jobRunnerContract({
    name: 'bullmq',
    open: () => openBullMqInstance(redis),
    capabilities: { acrossInstances: true },
  }),
);
