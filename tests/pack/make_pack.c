/* make_pack.c: see make_pack.h. */
#include "make_pack.h"
#include "pipeline.h"
#include "source.h"

bool make_pack(const char *spec, const char *target, const char *const *fix, uint32_t nfix, int jobs, Buf *out)
{
    Source s = {0};
    PipeResult res = {0};
    bool ok = source_open(&s, spec);
    if (ok) {
        PipeRequest r = {.op = s.op, .source = &s.diag, .targets = {target_find(target)}, .ntargets = 1, .fix = fix, .nfix = nfix, .jobs = jobs, .ptx_only = true};
        PackWriter *w = pack_new(s.arena);
        ok = pipe_run(&r, s.arena, &s.diag, &res) && !res.failed;
        if (ok) {
            pipe_pack(&r, &res, w);
            pack_finish(w, out);
        }
        pipe_free(&res);
    }
    source_close(&s);
    return ok && !out->failed;
}
