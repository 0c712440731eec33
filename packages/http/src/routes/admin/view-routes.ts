/** `/admin/views`: the builds of every view, to build one anew, compare, promote, roll back and drop it. */

import type { Application, ViewBuild } from '@cim/core'
import type { Context } from 'hono'
import { jsonReply, type Reply } from '../../reply.ts'
import { type FieldType, type JsonObject, readJsonObject, wholeNumberIn } from '../../request/json-object.ts'
import { QueryString } from '../../request/query-string.ts'
import type { Route } from '../../route.ts'
import { untilLeftOrStopping } from '../until-left-or-stopping.ts'

const noStore = { 'cache-control': 'no-store' }
const subject = 'request about the builds of a view'

/**
 * @param application whose views are built
 * @param stopping ends what waits for a build to catch up
 */
export function viewRoutes({ viewBuilds }: Application, stopping: AbortSignal | undefined): readonly Route[] {
  const builds = async (viewName?: string): Promise<{ readonly builds: readonly object[] }> => ({
    builds: (await viewBuilds.list(viewName)).map(toJson),
  })
  return [
    {
      method: 'GET',
      path: '/admin/views',
      async handle({ req }) {
        new QueryString(req.raw.url, 'list of views').allowOnly([])
        return jsonReply(200, await builds(), noStore)
      },
    },
    {
      method: 'GET',
      path: '/admin/views/:view',
      async handle({ req }) {
        new QueryString(req.raw.url, 'view').allowOnly([])
        const viewName = req.param('view') ?? ''
        viewBuilds.assertKnown(viewName)
        return jsonReply(200, await builds(viewName), noStore)
      },
    },
    action('/admin/views/:view/rebuild', {}, async ({ view }) => ({ key: await viewBuilds.rebuild(view) })),
    action('/admin/views/:view/rollback', {}, async ({ view, context }) =>
      untilLeftOrStopping(context, stopping, async (signal) => ({ key: await viewBuilds.rollback(view, { signal }) })),
    ),
    action('/admin/views/:view/builds/:build/compare', { sampleSize: 'number' }, ({ view, build, body, context }) =>
      untilLeftOrStopping(context, stopping, (signal) =>
        viewBuilds.compare(view, build, { ...sampleSizeIn(body), signal }),
      ),
    ),
    action('/admin/views/:view/builds/:build/promote', {}, ({ view, build, context }) =>
      untilLeftOrStopping(context, stopping, async (signal) => {
        await viewBuilds.promote(view, build, { signal })
        return builds(view)
      }),
    ),
    action('/admin/views/:view/builds/:build/drop', {}, async ({ view, build }) => {
      await viewBuilds.drop(view, build)
      return builds(view)
    }),
  ]
}

interface ActionInput {
  readonly view: string
  readonly build: string
  readonly body: JsonObject
  readonly context: Context
}

function action(
  path: string,
  fields: Readonly<Record<string, FieldType>>,
  act: (input: ActionInput) => Promise<object>,
): Route {
  return {
    method: 'POST',
    path,
    async handle(context): Promise<Reply> {
      const body = await readJsonObject(context, subject, fields)
      const [view = '', build = ''] = [context.req.param('view'), context.req.param('build')]
      return jsonReply(200, await act({ view, build, body, context }), noStore)
    },
  }
}

function sampleSizeIn(body: JsonObject): { readonly sampleSize?: number } {
  const sampleSize = wholeNumberIn(body, 'sampleSize', subject, { least: 1, most: 100_000 })
  return sampleSize === undefined ? {} : { sampleSize }
}

/** How the processor is doing in short; the whole of it is under `/admin/processors`. */
function toJson({ processor, ...build }: ViewBuild): object {
  if (processor === undefined) return build
  const { state, position, headPosition, lagEvents, eventsPerSecond } = processor
  return { ...build, processor: { state, position, headPosition, lagEvents, eventsPerSecond } }
}
