/* ll_link.c: a relocatable ELF64 object becomes one flat blob: code and constants at fixed distances, every relocation applied.
 *
 * In: an object that LLVM wrote.  Out: bytes that run at any 64-byte aligned address, and each function's offset.  The object is
 * our own, but all offsets are checked all the same.  What needs an outside symbol or an absolute address is refused by name.
 */
#include <elf.h>
#include <stdio.h>
#include <string.h>
#include "ll_link.h"

enum { MAX_SECTIONS = 512, BLOB_ALIGN = 64 };

typedef struct Object {
    const char *p; size_t n;
    const Elf64_Ehdr *eh; const Elf64_Shdr *sh;
    const Elf64_Sym *sym; uint32_t nsym; const char *str; size_t nstr;
    int64_t place[MAX_SECTIONS];               /* offset in the blob, -1: left out */
    Buf *blob; size_t base;                    /* the blob's bytes begin at blob->p + base */
    Diag *d;
} Object;

static bool refuse(Object *o, const char *what, const char *name)
{
    diag_report(o->d, DIAG_BUG, LG_HOST_LINK, (Span){0}, "host code: %s %s", what, name);
    return false;
}

static bool inside(const Object *o, uint64_t at, uint64_t size) { return at <= o->n && size <= o->n - at; }

/* A table of structures with 8-byte members, as the format wants it. */
static bool table_ok(const Elf64_Shdr *s, size_t entry) { return s->sh_offset % 8 == 0 && s->sh_size % entry == 0; }

/* A string table: so that every name in it ends. */
static bool strings_ok(const Object *o, const Elf64_Shdr *s) { return s->sh_type == SHT_STRTAB && s->sh_size && !o->p[s->sh_offset + s->sh_size - 1]; }

static const char *section_name(const Object *o, const Elf64_Shdr *s)
{
    const Elf64_Shdr *names = &o->sh[o->eh->e_shstrndx];
    return s->sh_name < names->sh_size ? o->p + names->sh_offset + s->sh_name : "?";
}

static bool find_symbols(Object *o)
{
    for (int i = 0; i < o->eh->e_shnum; i++) {
        const Elf64_Shdr *s = &o->sh[i];
        if (s->sh_type != SHT_SYMTAB)
            continue;
        if (s->sh_link >= o->eh->e_shnum || !table_ok(s, sizeof *o->sym) || !strings_ok(o, &o->sh[s->sh_link]))
            return refuse(o, "malformed", "symbol table");
        o->sym = (const Elf64_Sym *)(o->p + s->sh_offset);
        o->nsym = (uint32_t)(s->sh_size / sizeof *o->sym);
        o->str = o->p + o->sh[s->sh_link].sh_offset;
        o->nstr = o->sh[s->sh_link].sh_size;
        return true;
    }
    return refuse(o, "no", "symbol table");
}

static bool open_object(Object *o)
{
    o->eh = (const Elf64_Ehdr *)o->p;
    if (o->n < sizeof *o->eh || memcmp(o->eh->e_ident, ELFMAG, SELFMAG) || o->eh->e_ident[EI_CLASS] != ELFCLASS64)
        return refuse(o, "not an", "ELF64 object");
    if (o->eh->e_shnum > MAX_SECTIONS || o->eh->e_shoff % 8 || !inside(o, o->eh->e_shoff, (uint64_t)o->eh->e_shnum * sizeof(Elf64_Shdr)) ||
        o->eh->e_shstrndx >= o->eh->e_shnum)
        return refuse(o, "malformed", "section table");
    o->sh = (const Elf64_Shdr *)(o->p + o->eh->e_shoff);
    for (int i = 0; i < o->eh->e_shnum; i++)
        if (o->sh[i].sh_type != SHT_NOBITS && !inside(o, o->sh[i].sh_offset, o->sh[i].sh_size))
            return refuse(o, "malformed section", "bounds");
    if (!strings_ok(o, &o->sh[o->eh->e_shstrndx]))
        return refuse(o, "malformed", "section names");
    return find_symbols(o);
}

static bool wanted(const Object *o, const Elf64_Shdr *s)
{
    return s->sh_type == SHT_PROGBITS && (s->sh_flags & SHF_ALLOC) && s->sh_size && strcmp(section_name(o, s), ".eh_frame");
}

static void pad(Buf *b, size_t base, size_t align)
{
    static const char zeros[BLOB_ALIGN];
    size_t over = (b->n - base) % (align ? align : 1);
    if (over)
        buf_put(b, zeros, align - over);
}

static bool lay_out(Object *o)
{
    for (int i = 0; i < o->eh->e_shnum; i++) {
        const Elf64_Shdr *s = &o->sh[i];
        o->place[i] = -1;
        if (!wanted(o, s))
            continue;
        if (s->sh_flags & SHF_WRITE && strncmp(section_name(o, s), ".data.rel.ro", 12))
            return refuse(o, "writable section", section_name(o, s));
        if (s->sh_addralign > BLOB_ALIGN)
            return refuse(o, "alignment of section", section_name(o, s));
        pad(o->blob, o->base, s->sh_addralign);
        o->place[i] = (int64_t)(o->blob->n - o->base);
        buf_put(o->blob, o->p + s->sh_offset, s->sh_size);
    }
    return !o->blob->failed;
}

static const char *symbol_name(const Object *o, const Elf64_Sym *s) { return s->st_name < o->nstr ? o->str + s->st_name : "?"; }

static bool symbol_place(Object *o, uint32_t i, int64_t *at)
{
    if (i >= o->nsym)
        return refuse(o, "malformed", "relocation");
    const Elf64_Sym *s = &o->sym[i];
    if (s->st_shndx == SHN_UNDEF || s->st_shndx >= o->eh->e_shnum || o->place[s->st_shndx] < 0)
        return refuse(o, "needs", symbol_name(o, s));
    if (s->st_value > o->sh[s->st_shndx].sh_size)
        return refuse(o, "malformed symbol", symbol_name(o, s));
    *at = o->place[s->st_shndx] + (int64_t)s->st_value;
    return true;
}

/* What one relocation writes: the kinds of each processor stand here alone. `at` and `to` are offsets in the blob. */
static bool apply(Object *o, uint32_t type, char *where, size_t room, int64_t at, int64_t to)
{
    int64_t v = to - at;
    if (o->eh->e_machine == EM_X86_64)
        switch (type) {
        case R_X86_64_NONE: return true;
        case R_X86_64_PC32:
        case R_X86_64_PLT32: {
            int32_t word = (int32_t)v;
            if (room < 4 || word != v)
                return refuse(o, "distance too long for", "a 32-bit relocation");
            memcpy(where, &word, 4);
            return true;
        }
        case R_X86_64_PC64:
            if (room < 8)
                break;
            memcpy(where, &v, 8);
            return true;
        default: break;
        }
    char text[64];
    snprintf(text, sizeof text, "%u of machine %u", type, o->eh->e_machine);
    return refuse(o, "relocation kind", text);
}

static bool relocate_section(Object *o, const Elf64_Shdr *rs)
{
    if (rs->sh_info >= o->eh->e_shnum || !table_ok(rs, sizeof(Elf64_Rela)))
        return refuse(o, "malformed", "relocation section");
    if (o->place[rs->sh_info] < 0)
        return true;
    const Elf64_Shdr *s = &o->sh[rs->sh_info];
    const Elf64_Rela *r = (const Elf64_Rela *)(o->p + rs->sh_offset), *last = r + rs->sh_size / sizeof *r;
    for (; r < last; r++) {
        int64_t to, at = o->place[rs->sh_info] + (int64_t)r->r_offset;
        if (r->r_offset > s->sh_size)
            return refuse(o, "malformed", "relocation offset");
        if (!symbol_place(o, (uint32_t)ELF64_R_SYM(r->r_info), &to))
            return false;
        if (!apply(o, (uint32_t)ELF64_R_TYPE(r->r_info), o->blob->p + o->base + at, s->sh_size - r->r_offset, at, to + r->r_addend))
            return false;
    }
    return true;
}

static bool relocate(Object *o)
{
    for (int i = 0; i < o->eh->e_shnum; i++)
        if (o->sh[i].sh_type == SHT_RELA && !relocate_section(o, &o->sh[i]))
            return false;
    return true;
}

static bool find_entry(Object *o, const char *name, uint32_t *entry)
{
    for (uint32_t i = 0; i < o->nsym; i++)
        if (ELF64_ST_TYPE(o->sym[i].st_info) == STT_FUNC && !strcmp(symbol_name(o, &o->sym[i]), name)) {
            int64_t at;
            if (!symbol_place(o, i, &at))
                return false;
            *entry = (uint32_t)at;
            return o->sym[i].st_value < o->sh[o->sym[i].st_shndx].sh_size || refuse(o, "malformed function", name);
        }
    return refuse(o, "no function", name);
}

bool ll_link_flat(const char *obj, size_t n, LirFn *const *fns, uint32_t nfns, Buf *blob, uint32_t *entry, Diag *d)
{
    Arena *a = arena_new();
    if (!a)
        return false;
    Object *o = ARENA_NEW(a, Object);
    *o = (Object){.p = obj, .n = n, .blob = blob, .d = d};
    pad(blob, 0, BLOB_ALIGN);
    o->base = blob->n;
    bool good = open_object(o) && lay_out(o) && relocate(o);
    for (uint32_t i = 0; good && i < nfns; i++) {
        good = find_entry(o, fns[i]->name, &entry[i]);
        entry[i] += (uint32_t)o->base;
    }
    arena_free(a);
    return good;
}
