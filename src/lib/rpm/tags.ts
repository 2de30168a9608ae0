/** Tag numbers and their declared types, for the tags that Milliner reads (rpm's rpmtag.h). */

/** Data types of header entries; rpm's RPM_*_TYPE in the order of their numbers, from 1 on. */
export const dataTypes = [
  'char',
  'int8',
  'int16',
  'int32',
  'int64',
  'string',
  'binary',
  'strings',
  'i18n',
] as const;
export type DataType = (typeof dataTypes)[number];

interface TagRow {
  tag: number;
  type: DataType;
}

function row<T extends DataType>(tag: number, type: T): { tag: number; type: T } {
  return { tag, type };
}

/** Tags of the main header, and those that rpm adds when a package is installed. */
export const headerTags = {
  HEADERIMAGE: row(61, 'binary'),
  HEADERSIGNATURES: row(62, 'binary'),
  HEADERIMMUTABLE: row(63, 'binary'),
  NAME: row(1000, 'string'),
  VERSION: row(1001, 'string'),
  RELEASE: row(1002, 'string'),
  EPOCH: row(1003, 'int32'),
  SUMMARY: row(1004, 'i18n'),
  DESCRIPTION: row(1005, 'i18n'),
  BUILDTIME: row(1006, 'int32'),
  INSTALLTIME: row(1008, 'int32'),
  SIZE: row(1009, 'int32'),
  VENDOR: row(1011, 'string'),
  LICENSE: row(1014, 'string'),
  URL: row(1020, 'string'),
  ARCH: row(1022, 'string'),
  PREIN: row(1023, 'string'),
  POSTIN: row(1024, 'string'),
  PREUN: row(1025, 'string'),
  POSTUN: row(1026, 'string'),
  OLDFILENAMES: row(1027, 'strings'),
  FILESIZES: row(1028, 'int32'),
  FILESTATES: row(1029, 'char'),
  FILEMODES: row(1030, 'int16'),
  FILERDEVS: row(1033, 'int16'),
  FILEMTIMES: row(1034, 'int32'),
  FILEDIGESTS: row(1035, 'strings'),
  FILELINKTOS: row(1036, 'strings'),
  FILEFLAGS: row(1037, 'int32'),
  FILEUSERNAME: row(1039, 'strings'),
  FILEGROUPNAME: row(1040, 'strings'),
  SOURCERPM: row(1044, 'string'),
  FILEVERIFYFLAGS: row(1045, 'int32'),
  PROVIDENAME: row(1047, 'strings'),
  REQUIREFLAGS: row(1048, 'int32'),
  REQUIRENAME: row(1049, 'strings'),
  REQUIREVERSION: row(1050, 'strings'),
  CONFLICTFLAGS: row(1053, 'int32'),
  CONFLICTNAME: row(1054, 'strings'),
  CONFLICTVERSION: row(1055, 'strings'),
  RPMVERSION: row(1064, 'string'),
  TRIGGERSCRIPTS: row(1065, 'strings'),
  TRIGGERNAME: row(1066, 'strings'),
  TRIGGERVERSION: row(1067, 'strings'),
  TRIGGERFLAGS: row(1068, 'int32'),
  TRIGGERINDEX: row(1069, 'int32'),
  VERIFYSCRIPT: row(1079, 'string'),
  CHANGELOGTIME: row(1080, 'int32'),
  CHANGELOGNAME: row(1081, 'strings'),
  CHANGELOGTEXT: row(1082, 'strings'),
  PREINPROG: row(1085, 'strings'),
  POSTINPROG: row(1086, 'strings'),
  PREUNPROG: row(1087, 'strings'),
  POSTUNPROG: row(1088, 'strings'),
  OBSOLETENAME: row(1090, 'strings'),
  VERIFYSCRIPTPROG: row(1091, 'strings'),
  TRIGGERSCRIPTPROG: row(1092, 'strings'),
  FILEDEVICES: row(1095, 'int32'),
  FILEINODES: row(1096, 'int32'),
  FILELANGS: row(1097, 'strings'),
  SOURCEPACKAGE: row(1106, 'int32'),
  PROVIDEFLAGS: row(1112, 'int32'),
  PROVIDEVERSION: row(1113, 'strings'),
  OBSOLETEFLAGS: row(1114, 'int32'),
  OBSOLETEVERSION: row(1115, 'strings'),
  DIRINDEXES: row(1116, 'int32'),
  BASENAMES: row(1117, 'strings'),
  DIRNAMES: row(1118, 'strings'),
  PAYLOADFORMAT: row(1124, 'string'),
  PAYLOADCOMPRESSOR: row(1125, 'string'),
  PAYLOADFLAGS: row(1126, 'string'),
  INSTALLTID: row(1128, 'int32'),
  FILECOLORS: row(1140, 'int32'),
  PRETRANS: row(1151, 'string'),
  POSTTRANS: row(1152, 'string'),
  PRETRANSPROG: row(1153, 'strings'),
  POSTTRANSPROG: row(1154, 'strings'),
  LONGFILESIZES: row(5008, 'int64'),
  LONGSIZE: row(5009, 'int64'),
  FILECAPS: row(5010, 'strings'),
  MODULARITYLABEL: row(5096, 'string'),
  FILEDIGESTALGO: row(5011, 'int32'),
  PREINFLAGS: row(5020, 'int32'),
  POSTINFLAGS: row(5021, 'int32'),
  PREUNFLAGS: row(5022, 'int32'),
  POSTUNFLAGS: row(5023, 'int32'),
  PRETRANSFLAGS: row(5024, 'int32'),
  POSTTRANSFLAGS: row(5025, 'int32'),
  VERIFYSCRIPTFLAGS: row(5026, 'int32'),
  TRIGGERSCRIPTFLAGS: row(5027, 'int32'),
  RECOMMENDNAME: row(5046, 'strings'),
  RECOMMENDVERSION: row(5047, 'strings'),
  RECOMMENDFLAGS: row(5048, 'int32'),
  SUGGESTNAME: row(5049, 'strings'),
  SUGGESTVERSION: row(5050, 'strings'),
  SUGGESTFLAGS: row(5051, 'int32'),
  SUPPLEMENTNAME: row(5052, 'strings'),
  SUPPLEMENTVERSION: row(5053, 'strings'),
  SUPPLEMENTFLAGS: row(5054, 'int32'),
  ENHANCENAME: row(5055, 'strings'),
  ENHANCEVERSION: row(5056, 'strings'),
  ENHANCEFLAGS: row(5057, 'int32'),
  FILETRIGGERSCRIPTS: row(5066, 'strings'),
  FILETRIGGERSCRIPTPROG: row(5067, 'strings'),
  FILETRIGGERSCRIPTFLAGS: row(5068, 'int32'),
  FILETRIGGERNAME: row(5069, 'strings'),
  FILETRIGGERINDEX: row(5070, 'int32'),
  FILETRIGGERVERSION: row(5071, 'strings'),
  FILETRIGGERFLAGS: row(5072, 'int32'),
  TRANSFILETRIGGERSCRIPTS: row(5076, 'strings'),
  TRANSFILETRIGGERSCRIPTPROG: row(5077, 'strings'),
  TRANSFILETRIGGERSCRIPTFLAGS: row(5078, 'int32'),
  TRANSFILETRIGGERNAME: row(5079, 'strings'),
  TRANSFILETRIGGERINDEX: row(5080, 'int32'),
  TRANSFILETRIGGERVERSION: row(5081, 'strings'),
  TRANSFILETRIGGERFLAGS: row(5082, 'int32'),
  FILETRIGGERPRIORITIES: row(5084, 'int32'),
  TRANSFILETRIGGERPRIORITIES: row(5085, 'int32'),
  PAYLOADDIGEST: row(5092, 'strings'),
  PAYLOADDIGESTALGO: row(5093, 'int32'),
  PREUNTRANS: row(5104, 'string'),
  POSTUNTRANS: row(5105, 'string'),
  PREUNTRANSPROG: row(5106, 'strings'),
  POSTUNTRANSPROG: row(5107, 'strings'),
  PREUNTRANSFLAGS: row(5108, 'int32'),
  POSTUNTRANSFLAGS: row(5109, 'int32'),
  RPMFORMAT: row(5114, 'int32'),
} as const satisfies Record<string, TagRow>;

/** Tags of the signature header; several numbers mean something else than in the main header. */
export const signatureTags = {
  DSA: row(267, 'binary'),
  RSA: row(268, 'binary'),
  SHA1: row(269, 'string'),
  LONGSIZE: row(270, 'int64'),
  SHA256: row(273, 'string'),
  OPENPGP: row(278, 'strings'),
  SHA3_256: row(279, 'string'),
  SIZE: row(1000, 'int32'),
  PGP: row(1002, 'binary'),
  MD5: row(1004, 'binary'),
  GPG: row(1005, 'binary'),
} as const satisfies Record<string, TagRow>;

export type HeaderTag = keyof typeof headerTags;
export type SignatureTag = keyof typeof signatureTags;

/** Tags that Milliner does not read, by their declared type: rpm refuses a header with another type. */
const otherTags: Partial<Record<DataType, readonly number[]>> = {
  int32: [
    257, 277, 1046, 1051, 1052, 1119, 1127, 1129, 1134, 1141, 1143, 1144, 1145, 1158, 1161, 1195, 5017, 5018,
    5019, 5032, 5033, 5037, 5045, 5091,
  ],
  int64: [270, 271],
  string: [
    269, 273, 1007, 1010, 1015, 1021, 1094, 1122, 1123, 1132, 1155, 1196, 5012, 5013, 5014, 5015, 5016, 5034,
    5062, 5096, 5098, 5099, 5100, 5101,
  ],
  binary: [259, 261, 262, 267, 268, 1012, 1013, 1043, 1146],
  strings: [
    100, 266, 276, 1018, 1019, 1059, 1060, 1061, 1062, 1089, 1098, 1099, 1120, 1121, 1133, 1135, 1142, 1147,
    1148, 1149, 1150, 1156, 1157, 1159, 1160, 5000, 5001, 5002, 5005, 5006, 5007, 5030, 5031, 5035, 5036,
    5040, 5041, 5042, 5043, 5044, 5058, 5059, 5060, 5061, 5086, 5087, 5088, 5089, 5090, 5097,
  ],
  i18n: [1016],
};

const byNumber = new Map<number, DataType>([
  ...Object.entries(otherTags).flatMap(([type, tags]) => tags.map((tag) => [tag, type as DataType] as const)),
  ...Object.values(headerTags).map(({ tag, type }) => [tag, type] as const),
]);

/** The type that rpm declares for a tag of the main header; undefined for a tag that rpm does not know. */
export function declaredType(tag: number): DataType | undefined {
  return byNumber.get(tag);
}
