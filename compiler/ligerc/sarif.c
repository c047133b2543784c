/* sarif.c: diagnostics as a SARIF 2.1.0 log (OASIS, "Static Analysis Results Interchange Format").
 *
 * A code of ours is a rule; a note is a related location; columns count characters.  The same diagnostics give the same bytes.
 */
#include "report.h"

#include <jansson.h>
#include <string.h>

/* A path as a URI: absolute ones are file URIs, what a URI may not hold is percent-encoded. */
static json_t *uri_of(const char *path)
{
    Buf b = {0};
    buf_puts(&b, *path == '/' ? "file://" : "");
    for (; *path; path++) {
        unsigned char c = (unsigned char)*path;
        if ((c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || strchr("-._~/", c))
            buf_put(&b, path, 1);
        else
            buf_printf(&b, "%%%02X", c);
    }
    json_t *j = json_stringn(b.p ? b.p : "", b.n);
    buf_free(&b);
    return j;
}

/* Messages are UTF-8 unless they quote a spec that is not. */
static json_t *message(const char *text)
{
    json_t *j = json_string(text);
    if (j)
        return json_pack("{so}", "text", j);
    Buf b = {0};
    for (; *text; text++)
        buf_put(&b, (unsigned char)*text < 0x80 ? text : "?", 1);
    j = json_pack("{ss%}", "text", b.p ? b.p : "", b.n);
    buf_free(&b);
    return j;
}

static json_t *physical(const Diag *d, Span sp)
{
    uint32_t line, col, eline, ecol;
    diag_line_col(d, sp, &line, &col);
    diag_line_col(d, (Span){sp.file, sp.hi, sp.hi}, &eline, &ecol);
    if (eline < line || (eline == line && ecol < col))
        eline = line, ecol = col;
    return json_pack("{s{so} s{si si si si}}", "artifactLocation", "uri", uri_of(d->files[sp.file].name), "region", "startLine", (int)line, "startColumn", (int)col, "endLine",
                     (int)eline, "endColumn", (int)ecol);
}

static json_t *location(const Diag *d, Span sp)
{
    json_t *l = json_object();
    if (sp.file && sp.file < d->nfiles)
        json_object_set_new(l, "physicalLocation", physical(d, sp));
    return l;
}

/* perf and limit are ours: a limit is as bad as an error, a perf is an advice. */
static const char *level_of(DiagClass c)
{
    switch (c) {
    case DIAG_WARNING: return "warning";
    case DIAG_PERF:
    case DIAG_NOTE:    return "note";
    default:           return "error";
    }
}

static json_t *result(const Diag *d, const DiagItem *it, int rule)
{
    json_t *r = json_pack("{ss so s{ss}}", "level", level_of(it->cls), "message", message(it->msg), "properties", "class", diag_class_name(it->cls));
    char id[16];
    snprintf(id, sizeof id, "LG%04d", it->code);
    if (it->code) {
        json_object_set_new(r, "ruleId", json_string(id));
        json_object_set_new(r, "ruleIndex", json_integer(rule));
    }
    if (it->sp.file && it->sp.file < d->nfiles)
        json_object_set_new(r, "locations", json_pack("[o]", location(d, it->sp)));
    json_t *related = json_array();
    for (const DiagNote *n = it->notes; n; n = n->next) {
        json_t *l = location(d, n->sp);
        json_object_set_new(l, "message", message(n->msg));
        json_array_append_new(related, l);
    }
    if (json_array_size(related))
        json_object_set(r, "relatedLocations", related);
    json_decref(related);
    return r;
}

/* The rule's place among those used so far. */
static int rule_of(json_t *rules, DiagCode code)
{
    char id[16];
    snprintf(id, sizeof id, "LG%04d", code);
    for (size_t i = 0; i < json_array_size(rules); i++)
        if (!strcmp(json_string_value(json_object_get(json_array_get(rules, i), "id")), id))
            return (int)i;
    const char *doc = diag_code_doc(code);
    json_array_append_new(rules, json_pack("{ss s{ss}}", "id", id, "shortDescription", "text", doc ? doc : "no description"));
    return (int)json_array_size(rules) - 1;
}

static int put(const char *text, size_t n, void *out)
{
    buf_put(out, text, n);
    return ((Buf *)out)->failed ? -1 : 0;
}

bool report_sarif(const Diag *all, int status, Buf *out)
{
    json_t *rules = json_array(), *results = json_array();
    for (uint32_t i = 0; i < all->n; i++) {
        int rule = all->items[i].code ? rule_of(rules, all->items[i].code) : -1;
        json_array_append_new(results, result(all, &all->items[i], rule));
    }
    json_t *root = json_pack("{ss ss s[{s{s{ss ss so}} s[{sb si}] ss so}]}", "$schema", "https://json.schemastore.org/sarif-2.1.0.json", "version", "2.1.0", "runs", "tool",
                             "driver", "name", "ligerc", "version", LIGERC_VERSION, "rules", rules, "invocations", "executionSuccessful", status == 0, "exitCode", status,
                             "columnKind", "unicodeCodePoints", "results", results);
    bool ok = root && !json_dump_callback(root, put, out, JSON_INDENT(1) | JSON_ENSURE_ASCII);
    buf_puts(out, "\n");
    json_decref(root);
    return ok && !out->failed;
}
