/* deflate_block.c - is that the description of a block's codes? */
#include "formats/deflate_block.h"

#include <string.h>

enum {
	LENGTH_CODES = 19,	/* codes that tell the lengths of codes */
	LITERALS_MOST = 286, DISTANCES_MOST = 30,
	END_OF_BLOCK = 256,
	LENGTH_MOST = 15,	/* bits of a code */
	LENGTH_CODE_MOST = 7,
	DYNAMIC_NOT_LAST = 4,	/* the first 3 bits */
	/* Bits of the longest description, and what word() reads behind it. */
	DESCRIPTION_MOST = 3 + 5 + 5 + 4 + LENGTH_CODES * 3 +
			   (LITERALS_MOST + DISTANCES_MOST) * 14,
	SPAN = DESCRIPTION_MOST / 8 + 2 + 8
};

struct bits {
	const uint8_t *data;
	uint64_t at;
};

/* At least 57 bits from here on; 8 bytes are there. */
static uint64_t word(const struct bits *b)
{
	const uint8_t *p = b->data + b->at / 8;
	uint64_t w = 0;

	for (unsigned i = 0; i < 8; i++)
		w |= (uint64_t)p[i] << 8 * i;
	return w >> b->at % 8;
}

static unsigned take(struct bits *b, unsigned n)
{
	unsigned bits = (unsigned)(word(b) & ((1u << n) - 1));

	b->at += n;
	return bits;
}

/* How many codes there are of each length, and what they use up together. */
struct lengths {
	unsigned count[LENGTH_MOST + 1];
	unsigned used;		/* of 1 << LENGTH_MOST */
};

static struct lengths count_lengths(const uint8_t *lengths, size_t n)
{
	struct lengths l = { 0 };

	for (size_t i = 0; i < n; i++)
		l.count[lengths[i]]++;
	l.count[0] = 0;
	for (unsigned len = 1; len <= LENGTH_MOST; len++)
		l.used += l.count[len] << (LENGTH_MOST - len);
	return l;
}

static bool complete(const struct lengths *l)
{
	return l->used == 1u << LENGTH_MOST;
}

/* A symbol and the length of its code, for each LENGTH_CODE_MOST bits. */
struct length_table {
	uint8_t symbol[1 << LENGTH_CODE_MOST];
	uint8_t length[1 << LENGTH_CODE_MOST];
};

static unsigned reversed(unsigned code, unsigned n)
{
	unsigned r = 0;

	for (; n > 0; n--, code >>= 1)
		r = r << 1 | (code & 1);
	return r;
}

/* The set is complete, so all of the table is filled. */
static void make_table(struct length_table *t,
		       const uint8_t lengths[LENGTH_CODES])
{
	unsigned code = 0;

	for (unsigned len = 1; len <= LENGTH_CODE_MOST; len++, code <<= 1)
		for (unsigned s = 0; s < LENGTH_CODES; s++) {
			if (lengths[s] != len)
				continue;
			for (unsigned i = reversed(code, len);
			     i < 1 << LENGTH_CODE_MOST; i += 1u << len) {
				t->symbol[i] = (uint8_t)s;
				t->length[i] = (uint8_t)len;
			}
			code++;
		}
}

static bool read_lengths(struct bits *b, const struct length_table *t,
			 uint8_t *lengths, size_t n)
{
	for (size_t i = 0; i < n; ) {
		size_t index = word(b) & ((1u << LENGTH_CODE_MOST) - 1);
		unsigned symbol = t->symbol[index];
		uint8_t value = 0;
		unsigned repeat = 1;

		b->at += t->length[index];
		if (symbol < 16) {
			value = (uint8_t)symbol;
		} else if (symbol == 16) {
			if (i == 0)
				return false;
			value = lengths[i - 1];
			repeat = 3 + take(b, 2);
		} else {
			repeat = symbol == 17 ? 3 + take(b, 3)
					      : 11 + take(b, 7);
		}
		if (repeat > n - i)
			return false;
		memset(lengths + i, value, repeat);
		i += repeat;
	}
	return true;
}

/* Do the codes of these lengths, 3 bits each, use up all bits? */
static bool complete_length_codes(uint64_t lengths, unsigned n)
{
	static const uint8_t part[8] = { 0, 64, 32, 16, 8, 4, 2, 1 };
	unsigned used = 0;

	for (; n > 0; n--, lengths >>= 3)
		used += part[lengths & 7];
	return used == 1 << LENGTH_CODE_MOST;
}

/* The rest of the description: n lengths, and all that they tell. */
static bool complete_codes(struct bits b, unsigned n, unsigned literals,
			   unsigned distances)
{
	static const uint8_t order[LENGTH_CODES] = {
		16, 17, 18, 0, 8, 7, 9, 6, 10, 5, 11, 4, 12, 3, 13, 2, 14, 1,
		15
	};
	uint8_t lengths[LITERALS_MOST + DISTANCES_MOST] = { 0 };
	struct length_table table;
	struct lengths l;

	for (unsigned i = 0; i < n; i++)
		lengths[order[i]] = (uint8_t)take(&b, 3);
	make_table(&table, lengths);
	if (!read_lengths(&b, &table, lengths, literals + distances) ||
	    lengths[END_OF_BLOCK] == 0)
		return false;
	l = count_lengths(lengths, literals);
	if (!complete(&l))
		return false;
	l = count_lengths(lengths + literals, distances);
	/* Fewer than two codes cannot use up all bits. */
	return complete(&l) || l.used == 0 ||
	       (l.count[1] == 1 && l.used == 1u << (LENGTH_MOST - 1));
}

static bool is_block(const uint8_t *data, uint64_t bit)
{
	struct bits b = { data, bit + 3 };
	unsigned literals = 257 + take(&b, 5), distances = 1 + take(&b, 5);
	unsigned n = 4 + take(&b, 4);

	/* Nearly all that is none ends here; 57 bits at most are asked for. */
	return literals <= LITERALS_MOST && distances <= DISTANCES_MOST &&
	       complete_length_codes(word(&b), n) &&
	       complete_codes(b, n, literals, distances);
}

bool deflate_find_block(const uint8_t *data, size_t len, uint64_t *bit)
{
	for (size_t i = 0; len >= SPAN && i <= len - SPAN; i++) {
		const struct bits b = { data, (uint64_t)i * 8 };
		uint64_t w = word(&b);

		for (unsigned k = 0; k < 8; k++, w >>= 1)
			if ((w & 7) == DYNAMIC_NOT_LAST &&
			    is_block(data, b.at + k)) {
				*bit = b.at + k;
				return true;
			}
	}
	return false;
}
