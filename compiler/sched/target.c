/* target.c: the rows of target.def as a table. */
#include "target.h"

#include <stdio.h>
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

const Target *target_for_chip(const char *name)
{
    const Target *t = target_find(name), *best = NULL;
    int sm = 0, used = 0;
    if (t || sscanf(name, "sm_%3d%n", &sm, &used) != 1 || name[used])
        return t && t->kind != TGT_SIM ? t : NULL;
    for (int i = 0; i < TARGET_COUNT; i++) {
        t = target_get((TargetId)i);
        bool only = t->name[strlen(t->name) - 1] == 'a';
        if (t->kind == TGT_GPU && (t->sm == sm || (t->sm < sm && !only)) && (!best || t->sm > best->sm))
            best = t;
    }
    return best;
}
