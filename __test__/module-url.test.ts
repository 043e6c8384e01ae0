import test from 'ava'
import { moduleUrl } from '../src/module-url.js'

test('URLs and absolute paths are taken', (t) => {
  t.is(moduleUrl(new URL('file:///a/b.js')), 'file:///a/b.js')
  t.is(moduleUrl('/a/b c#.js'), 'file:///a/b%20c%23.js')
  t.is(moduleUrl(new URL('data:text/javascript,1')), 'data:text/javascript,1')
})

test('what is relative to nothing is refused, with what to write instead', (t) => {
  t.throws(() => moduleUrl('./worker.js'), {
    code: 'ERR_PLUMP_INVALID_ARGUMENT',
    message: /new URL\("\.\/worker\.js", import\.meta\.url\)/,
  })
  for (const module of [
    'worker.js',
    '',
    'file:///a.js',
    '/a\0b',
    7,
    undefined,
    null,
    {},
    new URL('http://localhost/a.js'),
  ])
    t.throws(() => moduleUrl(module), { code: 'ERR_PLUMP_INVALID_ARGUMENT' })
})
