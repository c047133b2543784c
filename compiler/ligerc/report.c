/* report.c: many collections of diagnostics into one. */
#include "report.h"

#include <string.h>

/* The number in `all` of the file that d calls `file`. */
static uint32_t file_in(Diag *all, const Diag *d, uint32_t file)
{
    if (!file || file >= d->nfiles)
        return 0;
    const DiagFile *f = &d->files[file];
    for (uint32_t i = 1; i < all->nfiles; i++)
        if (!strcmp(all->files[i].name, f->name) && all->files[i].size == f->size && !memcmp(all->files[i].text, f->text, f->size))
            return i;
    return diag_add_file(all, arena_strf(all->arena, "%s", f->name), arena_strn(all->arena, f->text, f->size), f->size);
}

static Span span_in(Diag *all, const Diag *d, Span sp) { return (Span){file_in(all, d, sp.file), sp.lo, sp.hi}; }

void report_add(Diag *all, const Diag *d)
{
    for (uint32_t i = 0; i < d->n; i++) {
        const DiagItem *it = &d->items[i];
        diag_report(all, it->cls, it->code, span_in(all, d, it->sp), "%s", it->msg);
        for (const DiagNote *n = it->notes; n; n = n->next)
            diag_note(all, span_in(all, d, n->sp), "%s", n->msg);
    }
}
