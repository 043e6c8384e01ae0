import test from 'ava'
import { join } from 'node:path'
import { filesOverEveryChannel } from '../channels.js'

test('the tests that start workers are found, and no others', (t) => {
  const files = filesOverEveryChannel()
  for (const file of ['call.test.ts', 'bus.test.ts', join('worker', 'worker-side.test.ts')])
    t.true(files.includes(join('__test__', file)), file)
  for (const file of ['errors.test.ts', join('codec', 'structured.test.ts')])
    t.false(files.includes(join('__test__', file)), file)
})
