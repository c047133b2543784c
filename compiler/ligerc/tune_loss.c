/* tune_loss.c: what the model's own choice loses against the best that was measured, see tune_table.h.
 *
 * Of a file that does not mark the model's choice it is each case's first candidate.
 */
#include "tune_table.h"

#include <math.h>
#include <string.h>

typedef struct LossCase { const char *text; const TuneRow *best, *model; } LossCase;
typedef struct LossCases { LossCase *c; uint32_t n, cap; } LossCases;

static LossCase *case_of(LossCases *all, const char *text, Arena *a)
{
    for (uint32_t i = 0; i < all->n; i++)
        if (!strcmp(all->c[i].text, text))
            return &all->c[i];
    LossCase *c = ARENA_PUSH(a, all->c, all->n, all->cap);
    c->text = text;
    return c;
}

static bool measured(const TuneRow *r) { return r && !strcmp(r->fate, "ok") && r->us > 0; }

static void take(LossCase *c, const TuneRow *r)
{
    if (measured(r) && (!c->best || r->us < c->best->us))
        c->best = r;
    if (!c->model || (r->model && !c->model->model) || (r->model == c->model->model && r->variant < c->model->variant))
        c->model = r;
}

bool tune_loss(const TuneRows *rows, Arena *a, Buf *out)
{
    LossCases all = {0};
    double logs = 0, worst = 2;
    const LossCase *at = NULL;
    uint32_t n = 0;
    for (uint32_t i = 0; i < rows->n; i++)
        take(case_of(&all, rows->r[i].text, a), &rows->r[i]);
    for (uint32_t i = 0; i < all.n; i++) {
        const LossCase *c = &all.c[i];
        if (!measured(c->best) || !measured(c->model)) {
            buf_printf(out, "%s: %s\n", c->text, measured(c->best) ? "the model's choice was not measured" : "nothing was measured");
            continue;
        }
        double share = c->best->us / c->model->us;
        buf_printf(out, "%s: model %.2f us, best %.2f us: %.1f %%%s%s\n", c->text, c->model->us, c->best->us, 100 * share, share < 1 ? "; best: " : "", share < 1 ? c->best->schedule : "");
        logs += log(share);
        n++;
        if (share < worst) {
            worst = share;
            at = c;
        }
    }
    if (!at)
        return false;
    buf_printf(out, "the model's choice against the best measured, %u case%s: geometric mean %.1f %%, worst %.1f %% (%s)\n", (unsigned)n, n == 1 ? "" : "s", 100 * exp(logs / n), 100 * worst, at->text);
    return true;
}
