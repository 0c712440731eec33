// `npm run build`: JavaScript, declarations and source maps of every published package, in its dist folder.
import { cp, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { packages, root, runTool } from './tools.ts'

for (const name of packages) await rm(join(root, 'packages', name, 'dist'), { recursive: true, force: true })

// Without the source condition, a package sees of another what its users see: the declarations just built.
const emit = ['--noEmit', 'false', '--customConditions', 'null']

for (const name of packages) {
  const { exitCode, output } = await runTool('tsc', ['-p', `packages/${name}`, ...emit])
  process.stdout.write(`${output}${exitCode === 0 ? 'built ' : 'FAILED'} @cim/${name}\n`)
  if (exitCode !== 0) {
    process.exitCode = 1
    break
  }
  // npm packs a licence that lies in the package's own folder only.
  await cp(join(root, 'LICENSE'), join(root, 'packages', name, 'LICENSE'))
}
