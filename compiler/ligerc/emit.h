/* emit.h: the table of what can be written (emit.def). */
#ifndef LGR_EMIT_H
#define LGR_EMIT_H
#include "target.h"

#include <stdbool.h>

typedef enum EmitEach { EMIT_EACH_OP, EMIT_EACH_UNIT, EMIT_EACH_KERNEL, EMIT_EACH_VARIANT } EmitEach;
typedef enum EmitOf { EMIT_OF_ANY, EMIT_OF_CODE, EMIT_OF_GPU, EMIT_OF_HOST } EmitOf;     /* CODE: all but sim, which has none to write */

typedef enum EmitId {
#define X(id, ...) EMIT_##id,
#include "emit.def"
#undef X
    EMIT_COUNT
} EmitId;

typedef struct Emit { const char *name; unsigned want; EmitEach each; EmitOf of; bool joins; const char *suffix, *doc; } Emit;

const Emit *emit_get(EmitId id);
int  emit_find(const char *name);                      /* EmitId, -1 when there is none */
bool emit_of(const Emit *e, const Target *t);          /* whether the target has it */

#endif
