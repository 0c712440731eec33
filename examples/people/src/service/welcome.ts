/** What the service says when it has started. */

import { type NatsOptions, namesWith } from './nats-options.ts'

/** How the service runs. */
export interface WelcomeFacts {
  /** Where its files are. */
  readonly dataFolder: string
  /** Where its events are, when they are not there. */
  readonly nats: NatsOptions | undefined
  readonly needsToken: boolean
  /** Whether it knows where HR is. */
  readonly tellsHR: boolean
}

/**
 * @param url where it listens
 * @param facts how it runs
 * @returns text with three command lines to try, which work as often as they are repeated
 */
export function welcome(url: string, { dataFolder, nats, needsToken, tellsHR }: WelcomeFacts): string {
  const authorization = needsToken ? ' -H "authorization: Bearer $CIM_TOKEN"' : ''
  const curl = `curl -w '\\n'${authorization}`
  const here = reachable(url)
  const post = `${curl} -H 'content-type: application/json'`
  return `The People service listens on ${url} and keeps ${nats === undefined ? `its data in ${dataFolder}` : keptOnNats(nats, dataFolder)}
${needsToken ? '\nRequests need the token: export CIM_TOKEN=<the token> where you paste these lines.\n' : ''}
Create a person; with its idempotency key it can be repeated and happens once:
  ${post} -H 'idempotency-key: create-ada' -d '{"aggregateId":"ada","data":{"legalName":"Ada Lovelace"}}' ${here}/commands/CreatePerson

Change the e-mail address:
  ${post} -d '{"aggregateId":"ada","data":{"newEmail":"ada@example.org"}}' ${here}/commands/ChangeEmail

Travel back to before that, and look at the person now:
  ${curl} '${here}/aggregates/Person/ada?version=1' '${here}/queries/GetPersonById?personId=ada'

${tellsHR ? 'HR is told of hirings.' : 'Hirings are confirmed without telling HR: say where they are with --hr-url <url>.'}
Everything else: ${here}/openapi.json
Stop with Ctrl+C.`
}

/** Whoever may publish there needs no token of the service: NATS has let them in. */
function keptOnNats({ servers, prefix }: NatsOptions, dataFolder: string): string {
  const command = `${prefix === undefined ? '' : `${prefix}.`}commands.Person.CreatePerson`
  return `its events in the stream
${namesWith(prefix).streamName} of ${servers.join(', ')}, its views in ${dataFolder}
More services like this one share the work: start each with a --port and a --data of its own.
Whoever may publish on these servers can send commands and queries there, too:
  nats request ${command} '{"aggregate_id":"ada","command_id":"create-ada","data":{"legalName":"Ada Lovelace"}}'`
}

/** A service that listens on every address is reached on loopback: not every system connects to 0.0.0.0 or ::. */
function reachable(url: string): string {
  const { hostname, port } = new URL(url)
  return hostname === '0.0.0.0' || hostname === '[::]' ? `http://127.0.0.1:${port}` : url
}
