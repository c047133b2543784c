/* target.c: the rows of target.def as a table. */
#include "target.h"

#include <string.h>

static const Target targets[] = {
#define X(id, name, kind, cpu, ptx, sm, mps, smem_block, smem_mp, regs, threads, warp, gbps, features, doc) \
    {name, kind, cpu, ptx, sm, mps, smem_block, smem_mp, regs, threads, warp, gbps, features, doc},
#include "target.def"
#undef X
};

const Target *target_get(TargetId id) { return &targets[id]; }

const Target *target_find(const char *name)
{
    for (int i = 0; i < TARGET_COUNT; i++)
        if (!strcmp(targets[i].name, name))
            return &targets[i];
    return NULL;
}
