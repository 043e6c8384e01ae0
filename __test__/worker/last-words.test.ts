import test from 'ava'
import { start, until } from '../start.js'

test.serial('stopWorker inside a worker ends it after what has begun', async (t) => {
  const ends = start(t, 'ends.mjs')
  const last = ends.acall('stop')
  t.is(await last, 'finished')
  const gone = ends.stats().workers[0]?.pid
  t.true(await until(() => ends.stats().workers.every(({ pid }) => pid !== gone)))
  t.is(await ends.acall('add', 1, 2), 3, 'on a fresh worker')
})

test.serial('the exit that a program asks for in a handler names where', async (t) => {
  const dying = start(t, 'dying.mjs')
  const error = await t.throwsAsync(dying.acall('exitLater', 7, 10))
  const cause = error?.cause as Error
  t.regex(cause.message, /process\.exit\(7\)/)
  t.regex(cause.stack ?? '', /exitLater.*dying\.mjs/)
})

test.serial('an answer that was given before the end still arrives', async (t) => {
  const dying = start(t, 'dying.mjs')
  await dying.ready()
  const [sum, exit] = await Promise.allSettled([dying.acall('add', 1, 2), dying.acall('exit', 1)])
  t.deepEqual(sum, { status: 'fulfilled', value: 3 })
  t.is(exit.status, 'rejected')
})
