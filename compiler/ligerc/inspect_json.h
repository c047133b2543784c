/* inspect_json.h: a pack as one JSON object. */
#ifndef LGR_INSPECT_JSON_H
#define LGR_INSPECT_JSON_H
#include "base.h"

/* pack: one that the runtime has checked. Without a newline at the end; false when memory ran out. */
bool inspect_json(const void *pack, const char *file, Buf *out);

#endif
