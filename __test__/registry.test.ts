import test from 'ava'
import { isHandler, Registry } from '../src/registry.js'

test('the same function under one name counts once, two functions are refused', (t) => {
  const registry = new Registry()
  const add = () => 1
  t.is(registry.add('add', add, 'none'), registry.add('add', add, 'none'))
  t.throws(() => registry.add('add', () => 2, 'none'), { code: 'ERR_PLUMP_DUPLICATE_COMMAND' })
  t.is(registry.commands.size, 1)
})

test('names that an object has anyway are names like any other', (t) => {
  const registry = new Registry()
  for (const name of ['constructor', '__proto__', 'toString', 'then'])
    registry.add(name, () => name, 'none')
  t.is(registry.run(registry.commands.get('__proto__')!, []), '__proto__')
})

test('names are strings of 1 to 1,024 bytes', (t) => {
  const registry = new Registry()
  const add = (name: unknown) => () => registry.add(name as string, () => 1, 'none')
  for (const name of ['', 7, undefined, null, Symbol('s'), 'ä'.repeat(513), 'a'.repeat(10_000_000)])
    t.throws(add(name), { code: 'ERR_PLUMP_INVALID_COMMAND_NAME' })
  t.notThrows(add('ä'.repeat(512)))
})

test('exports that are functions become commands; default, classes and values do not', (t) => {
  const registry = new Registry()
  registry.addExports({
    add: () => 1,
    later: async () => 1,
    default: () => 2,
    'module.exports': () => 2,
    Camera: class {},
    version: '1',
    nothing: undefined,
  })
  t.deepEqual([...registry.commands.keys()], ['add', 'later'])
})

test('a method needs a context, a function runs without one', (t) => {
  const registry = new Registry()
  function self(this: unknown) {
    return this
  }
  const method = registry.add('method', self, 'context')
  const plain = registry.add('plain', self, 'context, if any')
  t.throws(() => registry.run(method, []), { code: 'ERR_PLUMP_NO_CONTEXT' })
  t.is(registry.run(plain, []), undefined)
  const context = (registry.context = {})
  t.is(registry.run(method, []), context)
  t.is(registry.run(plain, []), context)
  t.is(registry.run(registry.add('export', self, 'none'), []), undefined)
})

test('those who listen hear of each new command once', (t) => {
  const registry = new Registry()
  const heard: string[] = []
  registry.onAdd = ({ name }) => heard.push(name)
  const add = () => 1
  registry.add('add', add, 'none')
  registry.add('add', add, 'none')
  t.deepEqual(heard, ['add'])
})

test('a class is no handler, however it is written', (t) => {
  t.false(isHandler(class {}))
  t.false(isHandler(class Named {}))
  t.false(isHandler({}))
  t.true(isHandler(function classify() {}))
  t.true(isHandler(async () => 1))
})
