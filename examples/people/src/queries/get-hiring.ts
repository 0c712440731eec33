/** How a person's hiring is doing. */

import { defineQuery } from '@cim/core'
import { z } from 'zod'
import { personId } from '../schemas.ts'
import { hiringView, hiringViewSchema } from '../views/hiring-view.ts'

export const getHiring = defineQuery('GetHiring', {
  parameters: z.strictObject({ personId }),
  result: hiringViewSchema,
  handle: ({ personId }, read) => read(hiringView).get(personId),
})
