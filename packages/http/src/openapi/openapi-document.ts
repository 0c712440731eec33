/** The OpenAPI document of an application, made from its definitions. */

import type { Application } from '@cim/core'
import { adminPaths } from './admin-paths.ts'
import { adminSchemas } from './admin-schemas.ts'
import { commonSchemas, parameters } from './common.ts'
import { generalPaths } from './general-paths.ts'
import { commandPaths, queryPath } from './message-operations.ts'
import { messageSchemas } from './schemas.ts'

/** What the document says beside the application's definitions. */
export interface OpenApiInfo {
  readonly title: string
  readonly version: string
  /** Whether requests need a bearer token. */
  readonly isProtected: boolean
}

/**
 * @param application whose messages are described
 * @param info the rest
 * @returns an OpenAPI 3.1 document
 * @see https://spec.openapis.org/oas/v3.1.1
 */
export function openApiDocument(application: Application, info: OpenApiInfo): Readonly<Record<string, unknown>> {
  const { title, version, isProtected } = info
  const securitySchemes = { bearer: { type: 'http', scheme: 'bearer' } }
  return {
    openapi: '3.1.1',
    info: { title, version },
    servers: [{ url: '/' }],
    ...(isProtected ? { security: [{ bearer: [] }] } : undefined),
    paths: {
      ...Object.fromEntries([...application.aggregates.values()].flatMap(commandPaths)),
      ...Object.fromEntries(application.queries.map(queryPath)),
      ...generalPaths(application),
      ...adminPaths(),
    },
    components: {
      schemas: { ...commonSchemas, ...adminSchemas, ...messageSchemas(application) },
      parameters,
      ...(isProtected ? { securitySchemes } : undefined),
    },
  }
}
