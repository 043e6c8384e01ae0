'use strict'

var spawnSync = require('child_process').spawnSync

// Node: what @napi-rs/cli needs. Rust: what the crate napi needs. Both are also said in package.json and Cargo.toml.
var NODE = [20, 17]
var RUST = [1, 88]

/** The first two numbers of `text`, or undefined where it has none. */
function version(text) {
  var match = /(\d+)\.(\d+)/.exec(text)
  return match ? [Number(match[1]), Number(match[2])] : undefined
}

function isOlder(found, wanted) {
  return found[0] < wanted[0] || (found[0] === wanted[0] && found[1] < wanted[1])
}

/** What `tool --version` prints, or undefined where there is no such tool on PATH. */
function ask(tool) {
  // A shell, where Windows may have cargo as a .cmd; the argument is a constant.
  var answer = spawnSync(tool + ' --version', { encoding: 'utf8', shell: true, windowsHide: true })
  return answer.status === 0 ? answer.stdout : undefined
}

/** One sentence that says what is missing to build this package, or undefined. `versions` stands in for process.versions. */
function problem(versions) {
  var node = (versions || process.versions).node
  if (isOlder(version(node), NODE)) {
    return (
      'plump-ipc needs Node ' +
      NODE.join('.') +
      ' or newer, and this is Node ' +
      node +
      ': install a newer one and run the command again.'
    )
  }
  var wanted = 'plump-ipc needs Rust ' + RUST.join('.') + ' or newer to be built, and '
  var remedy = ': install it as https://rustup.rs says and run the command again.'
  var tools = ['cargo', 'rustc']
  for (var i = 0; i < tools.length; i++) {
    var said = ask(tools[i])
    if (said === undefined)
      return wanted + 'no working `' + tools[i] + '` was found on PATH' + remedy
    var found = version(said)
    if (found && isOlder(found, RUST))
      return wanted + 'this is ' + said.trim().split(' (')[0] + remedy
  }
  return undefined
}

module.exports = { problem: problem }
