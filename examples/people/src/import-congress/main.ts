// `npm run import`: sends what is in a folder to a running People service, as commands.
import { runImport } from './run-import.ts'

process.exitCode = await runImport(process.argv.slice(2), process.env)
