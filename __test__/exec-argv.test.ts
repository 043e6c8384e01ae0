import test from 'ava'
import { inheritedExecArgv, inheritedNodeOptions } from '../src/exec-argv.js'

test('inspector flags are not inherited', (t) => {
  t.deepEqual(
    inheritedExecArgv(['--inspect', '--inspect-brk=0', '--inspect-port=1', '--debug-port=2']),
    [],
  )
})

test("the host's own program is not inherited", (t) => {
  t.deepEqual(inheritedExecArgv(['-e', 'host()', '--print', 'x', '--eval=y', '--watch']), [])
  t.deepEqual(inheritedExecArgv(['--input-type', 'module', '--input-type=module', '-i']), [])
})

test('loaders, conditions and memory flags are inherited in their order', (t) => {
  const flags = [
    '--import=tsx',
    '--conditions',
    'dev',
    '--max-old-space-size=99',
    '--enable-source-maps',
  ]
  t.deepEqual(inheritedExecArgv(['--inspect', ...flags]), flags)
})

test('NODE_OPTIONS loses the inspector and nothing else', (t) => {
  t.is(inheritedNodeOptions('--import=tsx  --inspect=0'), '--import=tsx')
  t.is(inheritedNodeOptions('--inspect'), undefined)
  t.is(inheritedNodeOptions('--title="a  b"'), '--title="a  b"')
})
