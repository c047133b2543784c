/* emit.c: see emit.h. */
#include "emit.h"
#include "pipeline.h"

#include <string.h>

static const Emit table[] = {
#define X(id, name, want, each, of, joins, suffix, doc) {name, want, EMIT_EACH_##each, EMIT_OF_##of, joins, suffix, doc},
#include "emit.def"
#undef X
};

const Emit *emit_get(EmitId id) { return &table[id]; }

int emit_find(const char *name)
{
    for (int i = 0; i < EMIT_COUNT; i++)
        if (!strcmp(table[i].name, name))
            return i;
    return -1;
}

bool emit_of(const Emit *e, const Target *t)
{
    switch (e->of) {
    case EMIT_OF_GPU:  return t->kind == TGT_GPU;
    case EMIT_OF_HOST: return t->kind == TGT_HOST;
    case EMIT_OF_CODE: return t->kind != TGT_SIM;
    default:           return true;
    }
}
