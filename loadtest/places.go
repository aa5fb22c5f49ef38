// SPDX-License-Identifier: Apache-2.0

package loadtest

import (
	"strconv"
	"strings"
)

// place is a town with its ZIP codes and area codes.
type place struct {
	city, state string
	zips, areas []string
	weight      int // how often it is drawn: roughly its people in ten thousands
}

// placeTable is city|state|ZIP codes|area codes|weight. The triples belong together.
const placeTable = `
Birmingham|AL|35203 35209 35222|205|20
Huntsville|AL|35801 35802|256|21
Mobile|AL|36604 36608|251|19
Montgomery|AL|36104 36117|334|20
Anchorage|AK|99501 99504 99508|907|29
Phoenix|AZ|85004 85016 85032|602 480|165
Tucson|AZ|85701 85710 85719|520|54
Mesa|AZ|85201 85204|480|51
Scottsdale|AZ|85251 85254|480|24
Glendale|AZ|85301 85308|623|25
Little Rock|AR|72201 72205|501|20
Fayetteville|AR|72701 72703|479|10
Los Angeles|CA|90012 90026 90044|213 323|382
San Diego|CA|92101 92115 92126|619 858|138
San Jose|CA|95112 95123 95148|408|97
San Francisco|CA|94110 94114 94122|415|81
Fresno|CA|93702 93722|559|54
Sacramento|CA|95814 95823 95831|916|53
Long Beach|CA|90802 90805|562|45
Oakland|CA|94601 94606 94611|510|43
Bakersfield|CA|93304 93309|661|41
Anaheim|CA|92804 92805|714|34
Riverside|CA|92503 92506|951|32
Stockton|CA|95204 95207|209|32
Irvine|CA|92604 92620|949|31
Chula Vista|CA|91910 91911|619|28
San Bernardino|CA|92404 92407|909|22
Modesto|CA|95350 95355|209|22
Santa Rosa|CA|95401 95404|707|18
Denver|CO|80202 80211 80219|303|71
Colorado Springs|CO|80903 80918|719|49
Aurora|CO|80012 80013|303|39
Fort Collins|CO|80521 80525|970|17
Bridgeport|CT|06604 06606|203|15
Hartford|CT|06106 06114|860|12
New Haven|CT|06511 06513|203|14
Wilmington|DE|19802 19805|302|7
Washington|DC|20001 20009 20011|202|67
Jacksonville|FL|32205 32210 32244|904|97
Miami|FL|33125 33133 33142|305|45
Tampa|FL|33602 33612 33647|813|40
Orlando|FL|32801 32808 32822|407|32
St. Petersburg|FL|33701 33710|727|26
Hialeah|FL|33012 33015|305|22
Fort Lauderdale|FL|33301 33311|954|18
Tallahassee|FL|32301 32303|850|20
Cape Coral|FL|33904 33990|239|22
Port St. Lucie|FL|34952 34953|772|24
Gainesville|FL|32601 32607|352|14
West Palm Beach|FL|33401 33411|561|12
Atlanta|GA|30309 30310 30318|404|50
Augusta|GA|30901 30909|706|20
Columbus|GA|31904 31907|706|20
Savannah|GA|31401 31405|912|15
Macon|GA|31201 31204|478|16
Honolulu|HI|96813 96816 96822|808|34
Boise|ID|83702 83709|208|24
Chicago|IL|60614 60622 60629|312 773|267
Aurora|IL|60505 60506|630|18
Rockford|IL|61103 61107|815|15
Springfield|IL|62702 62704|217|11
Peoria|IL|61604 61614|309|11
Indianapolis|IN|46201 46220 46227|317|88
Fort Wayne|IN|46805 46815|260|27
Evansville|IN|47711 47714|812|12
South Bend|IN|46614 46628|574|10
Des Moines|IA|50310 50315|515|21
Cedar Rapids|IA|52402 52404|319|14
Wichita|KS|67203 67212|316|40
Topeka|KS|66604 66614|785|13
Overland Park|KS|66204 66212|913|20
Louisville|KY|40203 40214 40219|502|62
Lexington|KY|40502 40517|859|32
New Orleans|LA|70115 70119 70122|504|37
Baton Rouge|LA|70806 70810|225|22
Shreveport|LA|71104 71106|318|18
Portland|ME|04101 04103|207|7
Baltimore|MD|21215 21218 21224|410|57
Rockville|MD|20850 20852|301|7
Boston|MA|02116 02124 02128|617|65
Worcester|MA|01602 01604|508|21
Springfield|MA|01104 01108|413|15
Lowell|MA|01850 01852|978|11
Detroit|MI|48205 48219 48228|313|63
Grand Rapids|MI|49503 49504|616|20
Warren|MI|48089 48092|586|14
Lansing|MI|48910 48911|517|11
Ann Arbor|MI|48103 48104|734|12
Flint|MI|48503 48504|810|8
Minneapolis|MN|55406 55408 55412|612|43
Saint Paul|MN|55104 55106|651|31
Rochester|MN|55901 55904|507|12
Duluth|MN|55804 55811|218|9
Jackson|MS|39204 39206|601|14
Gulfport|MS|39501 39503|228|7
Kansas City|MO|64111 64114 64130|816|51
St. Louis|MO|63109 63116 63118|314|28
Springfield|MO|65804 65807|417|17
Columbia|MO|65201 65203|573|13
Billings|MT|59101 59102|406|12
Omaha|NE|68104 68107 68134|402|48
Lincoln|NE|68502 68510|402|29
Las Vegas|NV|89108 89110 89121|702|65
Henderson|NV|89014 89052|702|33
Reno|NV|89502 89509|775|27
Manchester|NH|03102 03103|603|12
Newark|NJ|07104 07105|973|31
Jersey City|NJ|07302 07305|201|29
Edison|NJ|08817 08820|732|11
Trenton|NJ|08609 08618|609|9
Camden|NJ|08103 08105|856|7
Albuquerque|NM|87105 87110 87121|505|56
Las Cruces|NM|88001 88011|575|11
New York|NY|10025 10027 10032|212 917|160
Brooklyn|NY|11207 11215 11226|718 347|260
Queens Village|NY|11427 11428|718|30
Bronx|NY|10456 10467|718|140
Buffalo|NY|14207 14215|716|28
Rochester|NY|14609 14621|585|21
Yonkers|NY|10701 10704|914|21
Syracuse|NY|13204 13206|315|15
Albany|NY|12203 12208|518|10
Charlotte|NC|28205 28215 28269|704|90
Raleigh|NC|27603 27609|919|48
Greensboro|NC|27405 27407|336|30
Fayetteville|NC|28303 28314|910|21
Asheville|NC|28801 28806|828|9
Fargo|ND|58102 58103|701|13
Columbus|OH|43204 43214 43229|614|91
Cleveland|OH|44105 44109 44111|216|36
Cincinnati|OH|45205 45211|513|31
Toledo|OH|43606 43612|419|27
Akron|OH|44305 44313|330|19
Dayton|OH|45405 45410|937|14
Oklahoma City|OK|73107 73112 73120|405|69
Tulsa|OK|74105 74112|918|41
Portland|OR|97202 97206 97217|503|64
Eugene|OR|97401 97402|541|18
Salem|OR|97301 97302|503|18
Philadelphia|PA|19120 19134 19148|215|158
Pittsburgh|PA|15210 15217|412|30
Allentown|PA|18102 18103|610|13
Scranton|PA|18504 18505|570|8
Harrisburg|PA|17103 17110|717|5
Erie|PA|16502 16508|814|9
Providence|RI|02906 02908|401|19
Columbia|SC|29203 29205|803|14
Charleston|SC|29403 29407|843|15
Greenville|SC|29605 29607|864|7
Sioux Falls|SD|57103 57106|605|20
Memphis|TN|38109 38116 38127|901|63
Nashville|TN|37206 37211|615|69
Knoxville|TN|37912 37918|865|19
Chattanooga|TN|37411 37421|423|18
Houston|TX|77004 77036 77084|713 832|230
San Antonio|TX|78207 78228 78245|210|147
Dallas|TX|75211 75217 75228|214 972|130
Austin|TX|78704 78745 78753|512|97
Fort Worth|TX|76110 76116 76137|817|96
El Paso|TX|79912 79936|915|68
Arlington|TX|76010 76017|817|39
Corpus Christi|TX|78411 78415|361|32
Lubbock|TX|79412 79424|806|26
McAllen|TX|78501 78504|956|14
Waco|TX|76706 76710|254|14
Tyler|TX|75701 75703|903|11
Salt Lake City|UT|84103 84106 84116|801|20
Provo|UT|84601 84604|801|11
St. George|UT|84770 84790|435|10
Burlington|VT|05401 05408|802|4
Virginia Beach|VA|23452 23464|757|46
Richmond|VA|23220 23224|804|23
Arlington|VA|22201 22204|703|24
Roanoke|VA|24012 24018|540|10
Seattle|WA|98103 98115 98118|206|74
Spokane|WA|99205 99207|509|23
Tacoma|WA|98404 98406|253|22
Vancouver|WA|98661 98682|360|19
Bellevue|WA|98004 98006|425|15
Charleston|WV|25302 25311|304|5
Milwaukee|WI|53204 53209 53215|414|57
Madison|WI|53703 53711|608|27
Green Bay|WI|54302 54303|920|11
Cheyenne|WY|82001 82009|307|7`

var places, placeWeight = readPlaces()

func readPlaces() ([]place, int) {
	var out []place
	total := 0
	for line := range strings.SplitSeq(strings.TrimSpace(placeTable), "\n") {
		p := strings.Split(line, "|")
		w, err := strconv.Atoi(p[4])
		if err != nil {
			panic("loadtest: place " + line)
		}
		out = append(out, place{p[0], p[1], strings.Fields(p[2]), strings.Fields(p[3]), w})
		total += w
	}
	return out, total
}

// utilities are the power companies of a state; a state that is not listed has defaultUtilities.
var utilities = map[string][]string{
	"AZ": {"APS", "SRP", "Tucson Electric Power"}, "CA": {"PG&E", "Southern California Edison", "SDG&E", "LADWP"},
	"CO": {"Xcel Energy"}, "CT": {"Eversource", "United Illuminating"}, "FL": {"Florida Power & Light", "Duke Energy",
		"TECO"}, "GA": {"Georgia Power"}, "IL": {"ComEd", "Ameren"}, "MA": {"Eversource", "National Grid"},
	"MD": {"BGE", "Pepco"}, "MI": {"DTE Energy", "Consumers Energy"}, "NC": {"Duke Energy"}, "NJ": {"PSE&G", "JCP&L"},
	"NV": {"NV Energy"}, "NY": {"Con Edison", "National Grid", "NYSEG"}, "OH": {"AEP Ohio", "FirstEnergy"},
	"OR": {"Portland General Electric", "Pacific Power"}, "PA": {"PECO", "PPL", "Duquesne Light"},
	"SC": {"Dominion Energy", "Duke Energy"}, "TX": {"Oncor", "CenterPoint", "AEP Texas"},
	"UT": {"Rocky Mountain Power"}, "VA": {"Dominion Energy"}, "WA": {"Puget Sound Energy", "Seattle City Light"},
}

var defaultUtilities = []string{"Municipal utility", "Electric cooperative"}
