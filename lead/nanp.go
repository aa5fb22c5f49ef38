// SPDX-License-Identifier: Apache-2.0

package lead

import (
	"cmp"
	"slices"
	"strings"
)

// The area codes of the North American Numbering Plan by country: country, kind, codes. Of those of kind unknown it is
// known that they are in service, and not what the library would say of them; a test holds the others to the library's
// table.
const areaTable = `US fixed_or_mobile 201 202 203 205 206 207 208 209 210 212 213 214 215 216 217 218 219 220 223 224 225 227 228 229 231 234 235 239 240 248 251 252 253 254 256 260 262 267 269 270 272 276 279 281 283 301 302 303 304 305 307 308 309 310 312 313 314 315 316 317 318 319 320 321 323 324 325 326 327 329 330 331 332 334 336 337 339 341 346 347 350 351 352 353 360 361 363 364 369 380 385 386 401 402 404 405 406 407 408 409 410 412 413 414 415 417 419 423 424 425 430 432 434 435 440 442 443 445 447 448 458 463 464 469 470 475 478 479 480 484 501 502 503 504 505 507 508 509 510 512 513 515 516 517 518 520 530 531 534 539 540 541 551 557 559 561 562 563 564 567 570 571 572 573 574 575 580 582 585 586 601 602 603 605 606 607 608 609 610 612 614 615 616 617 618 619 620 623 626 628 629 630 631 636 640 641 645 646 650 651 656 657 659 660 661 662 667 669 678 680 681 682 686 689 701 702 703 704 706 707 708 712 713 714 715 716 717 718 719 720 724 725 726 727 728 730 731 732 734 737 738 740 743 747 748 754 757 760 762 763 765 769 770 771 772 773 774 775 779 781 785 786 801 802 803 804 805 806 808 810 812 813 814 815 816 817 818 820 821 826 828 830 831 832 835 838 839 840 843 845 847 848 850 854 856 857 858 859 860 862 863 864 865 870 872 878 901 903 904 906 907 908 909 910 912 913 914 915 916 917 918 919 920 925 928 929 930 931 934 936 937 938 940 941 943 945 947 948 949 951 952 954 956 959 970 971 972 973 975 978 979 980 984 985 986 989 274 472 983
US unknown 357 436 457 471 483 621 679 837
US toll_free 800 833 844 855 866 877 888
US premium 900
US personal 500 521 522 523 524 525 526 527 528 529 532 533 544 566 577 588
CA fixed_or_mobile 204 226 236 249 250 257 263 289 306 343 354 365 367 368 382 403 416 418 428 431 437 438 450 468 474 506 514 519 548 579 581 584 587 604 613 639 647 672 683 705 709 742 753 778 780 782 807 819 825 867 873 879 902 905 942
CA voip 600
CA personal 622 633
PR fixed_or_mobile 787 939
DO fixed_or_mobile 809 829 849
JM fixed_or_mobile 658 876
AG fixed_or_mobile 268
AI fixed_or_mobile 264
AS fixed_or_mobile 684
BB fixed_or_mobile 246
BM fixed_or_mobile 441
BS fixed_or_mobile 242
DM fixed_or_mobile 767
GD fixed_or_mobile 473
GU fixed_or_mobile 671
KN fixed_or_mobile 869
KY fixed_or_mobile 345
LC fixed_or_mobile 758
MP fixed_or_mobile 670
MS fixed_or_mobile 664
SX fixed_or_mobile 721
TC fixed_or_mobile 649
TT fixed_or_mobile 868
VC fixed_or_mobile 784
VG fixed_or_mobile 284
VI fixed_or_mobile 340`

// areaCode is what is known of one area code; no country: nothing is.
type areaCode struct {
	country string
	kind    string
}

// AreaCodes are the area codes of North America.
type AreaCodes [1000]areaCode

var areaCodes = makeAreaCodes()

// nanpRegions are the countries and territories that share the calling code 1.
var nanpRegions = map[string]bool{}

func makeAreaCodes() AreaCodes {
	out, line := ParseAreaCodes(areaTable)
	if line != 0 {
		panic("lead: the table of area codes is broken")
	}
	return *out
}

func init() {
	for i := range areaCodes {
		if c := areaCodes[i].country; c != "" {
			nanpRegions[c] = true
		}
	}
}

// areaKinds are what may be said of an area code's numbers, as in PartKind.
var areaKinds = map[string]string{"fixed_or_mobile": "fixed_or_mobile", "fixed": "fixed", "mobile": "mobile",
	"toll_free": "toll_free", "premium": "premium", "personal": "personal", "voip": "voip", "unknown": "unknown"}

// ParseAreaCodes reads a table of area codes: in each line a country of the calling code 1 (ISO, two capital letters),
// what its numbers are, and the codes, with spaces between them, such as "US fixed_or_mobile 212 436". Blank lines and
// what follows a # are passed over. It tells the first line, counted from 1, that has another form or a code for the
// second time, 0 if there is none.
func ParseAreaCodes(text string) (*AreaCodes, int) {
	out := &AreaCodes{}
	for i, line := range strings.Split(text, "\n") {
		line, _, _ = strings.Cut(line, "#")
		words := strings.Fields(line)
		if len(words) == 0 {
			continue
		}
		if len(words) < 3 || len(words[0]) != 2 || !isUpper(words[0][0]) || !isUpper(words[0][1]) ||
			areaKinds[words[1]] == "" {
			return nil, i + 1
		}
		for _, w := range words[2:] {
			if len(w) != 3 || !digitsOnly([]byte(w)) || !areaPossible([]byte(w)) {
				return nil, i + 1
			}
			n := number([]byte(w))
			if out[n].country != "" {
				return nil, i + 1
			}
			out[n] = areaCode{words[0], areaKinds[words[1]]}
		}
	}
	return out, 0
}

// areaPossible tells whether an area code may be assigned at all: not the services such as 911, nor what the plan keeps
// for longer numbers (N9X, 37X, 96X), nor 555, which stands for no place.
func areaPossible(d []byte) bool {
	switch {
	case d[0] < '2', d[1] == '9', d[1] == '1' && d[2] == '1', string(d[:2]) == "37", string(d[:2]) == "96",
		string(d) == "555":
		return false
	}
	return true
}

// PhoneKinds lists what a phone number of the schema's country may be by PartKind, sorted; nil where that is not known:
// it is for countries of the calling code 1.
func (s *Schema) PhoneKinds() (kinds []string) {
	if !nanpRegions[s.region] {
		return nil
	}
	for i := range s.areas {
		if k := cmp.Or(s.areas[i].kind, "unknown"); !slices.Contains(kinds, k) {
			kinds = append(kinds, k)
		}
	}
	slices.Sort(kinds)
	return kinds
}
