export default {
  files: ['__test__/**/*.test.{js,ts}', 'scripts/__test__/*.test.js', 'bench/__test__/*.test.js'],
  extensions: { js: true, ts: 'module' },
  nodeArguments: ['--import=tsx'],
  // A test file that ends its process, or loads the addon in a broken state, must not take the others with it.
  workerThreads: false,
  // Two cores; nearly every test starts processes of its own.
  concurrency: 2,
  // The watchdog: no progress in any test file for this long fails the run and ends its processes.
  timeout: '2m',
}
