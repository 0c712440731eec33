// `node scripts/run.js <task> [arguments]`: what every npm script of the root calls. This file is written for very old
// versions of Node, so that they too reach the message below instead of a syntax error.
const major = Number(process.versions.node.split('.')[0])

if (major < 20) {
  console.error(
    `CIM for TypeScript needs Node 20 or newer to install its packages; this is Node ${process.versions.node}.`,
  )
  console.error('Install a newer Node and repeat. The workspace then runs on the Node version that it pins itself.')
  process.exitCode = 1
} else {
  void import('./task.js').then((module) => module.runTask(process.argv[2], process.argv.slice(3)))
}
