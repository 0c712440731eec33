// `npm start`: the People service. What it needs is imported only once this Node is known to be new enough for it.
const oldestNode = 24
const [major] = process.versions.node.split('.')

if (Number(major) < oldestNode) {
  console.error(`The People service needs Node ${oldestNode} or newer; this is Node ${process.versions.node}.`)
  console.error('Use npm start, which brings its own Node, or install a newer one.')
  process.exitCode = 1
} else {
  const { runService } = await import('./service/run-service.ts')
  process.exitCode = await runService(process.argv.slice(2), process.env)
}
